"""Ingests that delete what left a source: asked about first, and told where it is refused."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from embeddb.collection import Collection
    from embeddb.protocols import Source
    from embeddb.records import IngestReport

SHOWN_IDS = 5


@dataclass(kw_only=True)
class Pruning:
    """Asks before documents are deleted, unless `yes`.

    Attributes:
        collection: the collection that is written.
        problems: why something was to be deleted and was not.
    """

    collection: Collection
    yes: bool
    problems: list[str] = field(default_factory=list)

    def ingest(
        self,
        sources: Sequence[Source],
        *,
        build_index: bool,
        **options: Any,  # noqa: ANN401
    ) -> IngestReport:
        """Ingest one source after the other, and return what was done in all.

        Args:
            sources: at least one.
            build_index: whether the index is built after the last.
            options: the other arguments of `Collection.ingest`.
        """
        from embeddb.records import IngestReport

        report = IngestReport()
        for number, source in enumerate(sources, start=1):
            last = number == len(sources)
            report += self._ingest(source, build_index=build_index and last, **options)
        return report

    def _ingest(self, source: Source, **options: Any) -> IngestReport:  # noqa: ANN401
        from embeddb.errors import PruneRefusedError

        try:
            return self.collection.ingest(source, confirm=self._confirm, **options)
        except PruneRefusedError as error:
            self.problems.append(str(error))
            report: IngestReport = error.report
            return report

    def _confirm(self, ids: Sequence[str]) -> bool:
        """Return whether the documents are to be deleted; without a terminal nobody agrees."""
        if self.yes:
            return True
        listed = ", ".join(ids[:SHOWN_IDS]) + (", …" if len(ids) > SHOWN_IDS else "")
        what = f"{len(ids):,} document(s) of {self.collection.name!r}"
        if sys.stdin.isatty() and typer.confirm(f"Delete {what} ({listed})?", err=True):
            return True
        self.problems.append(
            f"Nothing is pruned: {what} left the source ({listed}). To delete them, "
            "agree when you are asked, or give --yes."
        )
        return False
