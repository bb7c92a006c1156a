"""The advisor's result: every form that was tried, and the one to choose."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from embeddb.evaluation.compression.candidates import Candidate
from embeddb.schema import indexes
from embeddb.schema.indexes import IndexSpec


@dataclass(frozen=True, kw_only=True, slots=True)
class Measured:
    """A form as it was built from a sample of the chunks, and searched.

    Attributes:
        candidate: the form.
        index: its index for the whole collection, searched as it was measured.
        settings: what the searches ran with: ef_search, probes, oversample. The least that finds
            enough, or what finds the most.
        rows: how many chunks it was built from.
        table_bytes: the table's size, with the texts of the chunks.
        index_bytes: the size of its indexes, the primary key among them.
        bytes_per_vector: both sizes, for each chunk.
        estimated_bytes: both sizes, for as many chunks as the collection has.
        build_seconds: what learning, copying and indexing took.
        recall: the share of the exact answers that it finds, 0 to 1.
        p50_ms, p95_ms: median and 95th percentile of a search.
        reaches: whether it finds as much as was asked for.
        is_current: whether the collection has this form now.
        is_base: whether it is exact search over what is stored now, for comparison alone.
        dominated: whether another form takes no more bytes and finds no less.
    """

    candidate: Candidate
    index: IndexSpec | None
    settings: Mapping[str, float]
    rows: int
    table_bytes: int
    index_bytes: int
    bytes_per_vector: float
    estimated_bytes: int
    build_seconds: float
    recall: float
    p50_ms: float
    p95_ms: float
    reaches: bool
    is_current: bool = False
    is_base: bool = False
    dominated: bool = False

    @property
    def label(self) -> str:
        """What people call the form."""
        return self.candidate.label

    def as_convert(self) -> dict[str, Any]:
        """Return the keywords with which `Collection.convert` makes it."""
        return {
            "storage": self.candidate.storage,
            "transform": list(self.candidate.transform) or None,
            "index": self.index or "exact",
        }

    def beats(self, other: Measured) -> bool:
        """Return whether it takes no more bytes and finds no less than another, and is better."""
        mine = (self.bytes_per_vector, -self.recall)
        theirs = (other.bytes_per_vector, -other.recall)
        return mine != theirs and mine[0] <= theirs[0] and mine[1] <= theirs[1]

    def to_json(self) -> dict[str, Any]:
        """Return everything as values for JSON."""
        return {
            "form": self.label,
            "storage": self.candidate.storage,
            "transform": list(self.candidate.transform),
            "index": indexes.to_json(self.index),
            "settings": dict(self.settings),
            "rows": self.rows,
            "table_bytes": self.table_bytes,
            "index_bytes": self.index_bytes,
            "bytes_per_vector": self.bytes_per_vector,
            "estimated_bytes": self.estimated_bytes,
            "build_seconds": self.build_seconds,
            "recall": self.recall,
            "p50_ms": self.p50_ms,
            "p95_ms": self.p95_ms,
            "reaches": self.reaches,
            "is_current": self.is_current,
            "is_base": self.is_base,
            "dominated": self.dominated,
        }


@dataclass(frozen=True, kw_only=True, slots=True)
class Skipped:
    """A form that could not be tried, and why."""

    candidate: Candidate
    reason: str

    @property
    def label(self) -> str:
        """What people call the form."""
        return self.candidate.label


@dataclass(frozen=True, kw_only=True, slots=True)
class Advice:
    """What was tried, the cheapest first, and what is best.

    Attributes:
        collection: the collection's name.
        distance: the collection's distance.
        target: the recall that was asked for, at `limit` rows.
        rows: how many chunks each form was built from, of `total_rows`.
        queries: how many searches each form ran.
        held_out: whether the queries are vectors that are no part of those chunks.
        forms: what was measured, the fewest bytes first.
        skipped: what could not be measured.
    """

    collection: str
    distance: str
    target: float
    limit: int
    rows: int
    total_rows: int
    queries: int
    held_out: bool
    forms: tuple[Measured, ...]
    skipped: tuple[Skipped, ...] = ()

    @classmethod
    def of(
        cls,
        measured: Sequence[Measured],
        skipped: Iterable[Skipped],
        **told: Any,  # noqa: ANN401
    ) -> Advice:
        """Return advice on what was measured, ordered, with the forms marked that another beats."""
        marked = [
            replace(form, dominated=any(other.beats(form) for other in measured))
            for form in measured
        ]
        ordered = sorted(marked, key=lambda form: (form.bytes_per_vector, -form.recall))
        return cls(forms=tuple(ordered), skipped=tuple(skipped), **told)

    @property
    def best(self) -> Measured | None:
        """The form of the fewest bytes that finds enough, or None."""
        return next((form for form in self.forms if form.reaches and not form.is_base), None)

    @property
    def current(self) -> Measured | None:
        """The form that the collection has now, or None where it could not be tried."""
        return next((form for form in self.forms if form.is_current), None)

    @property
    def reason(self) -> str:
        """Why `best` is the best, or why there is none, in a sentence."""
        best, current = self.best, self.current
        asked = f"recall@{self.limit} of {self.target:g}"
        if best is None:
            return f"No form reaches a {asked}. {self._nearest()}"
        found = f"recall@{self.limit} {best.recall:.4f}{_with(best.settings)}"
        reaching = sum(form.reaches and not form.is_base for form in self.forms)
        if best.is_current:
            return (
                f"{best.label}, the form that the collection has, takes the fewest bytes of the "
                f"{reaching} that reach a {asked}: {best.bytes_per_vector:,.0f} for each vector, "
                f"{found}."
            )
        than = ""
        if current is not None and current.bytes_per_vector:
            share = best.bytes_per_vector / current.bytes_per_vector
            than = f", {share:.2f} times what the collection takes now"
        return (
            f"{best.label} takes the fewest bytes of the {reaching} that reach a {asked}: "
            f"{best.bytes_per_vector:,.0f} for each vector{than}, with {found}."
        )

    def to_json(self) -> dict[str, Any]:
        """Return everything as values for JSON."""
        best = self.best
        return {
            "collection": self.collection,
            "distance": self.distance,
            "target": self.target,
            "limit": self.limit,
            "rows": self.rows,
            "total_rows": self.total_rows,
            "queries": self.queries,
            "held_out": self.held_out,
            "best": None if best is None else best.label,
            "reason": self.reason,
            "forms": [form.to_json() for form in self.forms],
            "skipped": [{"form": form.label, "reason": form.reason} for form in self.skipped],
        }

    def _nearest(self) -> str:
        tried = [form for form in self.forms if not form.is_base]
        if not tried:
            return "None could be tried."
        most = max(tried, key=lambda form: form.recall)
        return (
            f"The best is {most.label}: {most.recall:.4f}{_with(most.settings)}. Ask for "
            "less, or try other candidates."
        )


def _with(settings: Mapping[str, float]) -> str:
    told = ", ".join(f"{name} {value:g}" for name, value in settings.items())
    return f" at {told}" if told else ""
