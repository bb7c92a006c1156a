"""Tuning of a collection's index: settings tried on its own vectors, and kept in the catalog."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from embeddb.db.database import Connection, Database
from embeddb.errors import ConfigurationError, IndexSpecError
from embeddb.evaluation.index_recall import index_read_by, keep
from embeddb.evaluation.questions import asking, questions
from embeddb.evaluation.recall import Question, mean, percentile, recall_for, timed
from embeddb.evaluation.settings import search_settings
from embeddb.evaluation.tuning import Trial, Trials
from embeddb.protocols import PhaseProgress
from embeddb.records import Hit, Vector
from embeddb.repository.collections.collections import Collections
from embeddb.repository.collections.documents import Documents
from embeddb.repository.indexes.indexes import Indexes
from embeddb.repository.search.searcher import Searcher
from embeddb.schema.catalog import CollectionRecord
from embeddb.schema.indexes import HNSW, IVFPQ, IndexSpec, derived_of


@dataclass(frozen=True, kw_only=True, slots=True)
class TuneReport:
    """The result of tuning.

    Attributes:
        target: the recall that was asked for, at `limit` rows.
        reached: whether some settings reach it.
        recall: the recall of the chosen settings.
        sample: how many queries were asked.
        before: the collection's settings before.
        chosen: the fastest that reach the target, or those with the best recall.
        stored: whether the collection keeps the chosen settings.
        trials: everything that was tried, the lowest settings first.
        exact_p50_ms: median milliseconds of reading every row.
        advice: what would help, where the target was not reached or nothing was stored.
    """

    target: float
    reached: bool
    recall: float
    limit: int
    sample: int
    before: Trial
    chosen: Trial
    stored: bool
    trials: tuple[Trial, ...]
    exact_p50_ms: float
    advice: str = ""


def tune_index(
    database: Database,
    record: CollectionRecord,
    *,
    target: float,
    limit: int,
    sample: int,
    queries: Sequence[Vector] | None,
    dry_run: bool,
    progress: PhaseProgress,
) -> tuple[TuneReport, CollectionRecord]:
    """Find the cheapest settings that reach a recall, keep them, and return the new record too.

    Raises:
        ConfigurationError: the target is not between 0 and 1, or there is nothing to search for.
        IndexSpecError: there is no index to tune.
        GenerationChangedError: another process built an index meanwhile.
    """
    if not 0 < target <= 1:
        raise ConfigurationError(f"recall must be above 0 and at most 1, not {target!r}.")
    index = _index_of(database, record)
    asked = questions(database, record, sample=sample, limit=limit, queries=queries)
    if not asked:
        raise ConfigurationError("There are no queries to tune with: queries= is empty.")
    with database.connection() as connection:
        benchmark = _Benchmark(database, record, connection, asked, limit, progress)
        exact_p50_ms = benchmark.find_exact_answers()
        trials = Trials(benchmark.measure, target)
        before = trials.of(index)
        found = trials.cheapest(limit, index)
    chosen = found or trials.best()
    stored = found is not None and found.index_used and not dry_run
    if stored:
        record = Collections(database).set_search_settings(record, chosen.index)
    report = TuneReport(
        target=target,
        reached=found is not None,
        recall=chosen.recall,
        limit=limit,
        sample=len(asked),
        before=before,
        chosen=chosen,
        stored=stored,
        trials=tuple(trials.all()),
        exact_p50_ms=exact_p50_ms,
        advice=_advice(index, found, target),
    )
    if stored:
        how = {"target": target, "queries": queries is not None}
        keep(database, record, report.recall, limit, report.sample, how)
    return report, record


class _Benchmark:
    """Asks the same questions with each settings, and compares the hits with the exact answers."""

    def __init__(
        self,
        database: Database,
        record: CollectionRecord,
        connection: Connection,
        asked: Sequence[Question],
        limit: int,
        progress: PhaseProgress,
    ) -> None:
        self._database = database
        self._record = record
        self._connection = connection
        self._asked = asked
        self._limit = limit
        self._progress = progress
        self._exact: list[list[Hit]] = []

    def find_exact_answers(self) -> float:
        """Find the exact answers, and return the median milliseconds of reading every row."""
        searcher = Searcher(self._database, self._record)
        ask = asking(searcher, self._connection, self._limit, exact=True)
        self._exact, p50_ms = self._answers("exact search", ask)
        return p50_ms

    def measure(self, index: IndexSpec) -> Trial:
        """Return what the same index finds with other settings."""
        record = replace(self._record, generation=replace(self._record.generation, index=index))
        settings = search_settings(index, self._limit)
        searcher = Searcher(self._database, record)
        label = ", ".join(f"{name} {value:g}" for name, value in settings.items())
        answers, p50_ms = self._answers(label, asking(searcher, self._connection, self._limit))
        recalls = map(recall_for, self._asked, answers, self._exact)
        used = index_read_by(self._database, record, searcher, self._asked, self._limit)
        return Trial(
            index=index,
            settings=settings,
            recall=mean(list(recalls)),
            p50_ms=p50_ms,
            index_used=used is not None,
        )

    def _answers(
        self, label: str, ask: Callable[[Question], list[Hit]]
    ) -> tuple[list[list[Hit]], float]:
        answers: list[list[Hit]] = []
        times: list[float] = []
        for done, question in enumerate(self._asked, start=1):
            answers.append(timed(ask, question, times))
            self._progress(label, done, len(self._asked))
        return answers, percentile(times, 50)


def _index_of(database: Database, record: CollectionRecord) -> IndexSpec:
    index = record.generation.index
    remedy = "build one with create_index(…), or `embeddb index build`"
    if Documents(database, record).is_empty():
        raise ConfigurationError(
            f"Collection {record.name!r} is empty: add documents before you tune its index."
        )
    if index is None:
        raise IndexSpecError(
            f"Collection {record.name!r} has no vector index, and exact search needs no tuning: "
            f"{remedy}."
        )
    if {*Indexes(database, record).missing(index)} - {record.tables.metadata_index}:
        raise IndexSpecError(
            f"The vector index of collection {record.name!r} is not built yet: {remedy}."
        )
    return index


def _advice(index: IndexSpec, found: Trial | None, target: float) -> str:
    if found is not None:
        if found.index_used:
            return ""
        return (
            "Postgres reads every row, which is faster than the index for so few: there is "
            "nothing to tune, and nothing was changed."
        )
    remedies = []
    if isinstance(index, HNSW):
        more = f"m={min(2 * index.m, 100)}, ef_construction={_construction(index)}"
        remedies.append(f"a graph with more links, as with {more}")
    if isinstance(index, IVFPQ):
        remedies.append("longer codes, with more subvectors")
    elif derived_of(index) is not None:
        remedies.append('an index on something larger, as on="bit3" or "halfvec", or without on=')
    remedies.append("a lower target")
    return (
        f"No settings reach {target:g}, so nothing was changed. What helps: "
        + "; or ".join(remedies)
        + "."
    )


def _construction(index: HNSW) -> int:
    return min(max(2 * index.ef_construction, 8 * index.m), 1000)
