"""The counts of a run, and how far it has come."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from embeddb.pipeline.ingest.work import Work
from embeddb.progress import Display
from embeddb.records import Failure, IngestReport


@dataclass(kw_only=True, slots=True)
class Tally:
    """Adds up what a run does, and shows its progress."""

    display: Display
    total: int | None = None
    started: float = field(default_factory=time.monotonic)
    added: int = 0
    updated: int = 0
    unchanged: int = 0
    chunks: int = 0
    encoded: int = 0
    seen: int = 0
    failures: list[Failure] = field(default_factory=list)
    repaired: list[Failure] = field(default_factory=list)
    skipped: Counter[str] = field(default_factory=Counter)
    types: Mapping[str, str] = field(default_factory=dict)

    def written(self, work: Work) -> None:
        """Count a batch that is in the database."""
        replaced = sum(document.id in work.updated for document in work.documents)
        self.added += len(work.documents) - replaced
        self.updated += replaced + len(work.metadata_changes)
        self.unchanged += work.unchanged
        self.chunks += work.chunks
        self.encoded += work.encoded
        self.seen += work.seen
        self.failures += work.failures
        self.repaired += work.repaired
        self.skipped += work.skipped
        self.display.documents(self.seen, self.total)

    def report(self, deleted: int = 0) -> IngestReport:
        """Return the totals."""
        return IngestReport(
            added=self.added,
            updated=self.updated,
            unchanged=self.unchanged,
            deleted=deleted,
            failed=len(self.failures),
            chunks=self.chunks,
            encoded=self.encoded,
            seconds=round(time.monotonic() - self.started, 3),
            failures=tuple(self.failures),
            repaired=tuple(self.repaired),
            skipped=dict(self.skipped.most_common()),
            types=dict(self.types),
        )
