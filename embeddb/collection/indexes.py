"""Indexes: what builds, repairs, measures and tunes them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from numpy.typing import ArrayLike

from embeddb.collection.base import CollectionBase
from embeddb.evaluation.index_recall import index_recall
from embeddb.evaluation.index_tuning import TuneReport, tune_index
from embeddb.evaluation.questions import Truth
from embeddb.evaluation.recall import RecallReport
from embeddb.pipeline.conversion.convert import form_of
from embeddb.pipeline.indexes.indexes import drop_index, rebuild_index
from embeddb.pipeline.indexes.repair import Defect, find_defects, repair
from embeddb.progress import shown
from embeddb.repository.catalog.recall_history import MeasuredRecall, RecallHistory
from embeddb.repository.indexes.indexes import Indexes
from embeddb.repository.indexes.listing import IndexInfo
from embeddb.schema.index_rules import resolve_index
from embeddb.schema.indexes import HNSW, IndexSpec


class IndexMethods(CollectionBase):
    """The methods of a collection that build, repair, measure and tune indexes."""

    def create_index(
        self, index: IndexSpec | None = None, *, progress: bool = False
    ) -> list[IndexInfo]:
        """Build the vector index, in place of another one if there is one, and return all indexes.

        It is built CONCURRENTLY: others read and write meanwhile. Where the collection still waits
        for enough documents to learn its transform from, it is converted now.

        Args:
            index: what to build; None: what the collection was created with, or HNSW().
            progress: whether a progress bar is shown on stderr.

        Raises:
            IndexSpecError: pgvector cannot build it for this collection.
            IndexBuildError: the build failed; nothing invalid is left.
        """
        generation = self._record.generation
        if (pending := generation.wanted) is not None:
            form = form_of(generation, pending)
            self._convert(replace(form, index=index or form.index or HNSW()), progress=progress)
            return self.indexes()
        checked = self._checked_index(index)
        with shown(progress) as display:
            self._update(rebuild_index(self._database, self._record, checked, display))
        self.__dict__.pop("_searcher", None)  # it may know a codebook that was learned anew
        return self.indexes()

    def estimate_index(self, index: IndexSpec | None = None) -> int | None:
        """Return about how many bytes an index on what is stored now would take on disk.

        Args:
            index: what would be built; None: the collection's own, or HNSW().

        Returns:
            The bytes; None where they cannot be known: of IVFPQ, and while a transform is pending.

        Raises:
            IndexSpecError: pgvector cannot build it for this collection.
        """
        if self._record.generation.wanted is not None:
            return None
        asked = index or self._record.generation.index or HNSW()
        resolved, _ = resolve_index(asked, self._record.generation)
        rows = self._documents.count_chunks()
        return Indexes(self._database, self._record).estimated_bytes(resolved, rows)

    def repair_indexes(
        self, *, dry_run: bool = False, drop_generations: bool = False, progress: bool = False
    ) -> list[Defect]:
        """Repair what interrupted builds and conversions left, and return each defect.

        Invalid indexes are dropped, missing ones built, missing functions created. What somebody
        is at work on, and what is not embeddb's, is left as it is, and the result says why.

        Args:
            dry_run: whether defects are only looked for.
            drop_generations: whether what an interrupted conversion left is dropped too; a
                conversion that is going on loses nothing but its work.
            progress: whether a progress bar is shown on stderr.

        Raises:
            IndexBuildError: a missing index could not be built; nothing invalid is left.
        """
        if dry_run:
            return find_defects(self._database, self._record)
        with shown(progress) as display:
            record, faults = repair(
                self._database, self._record, display, drop_generations=drop_generations
            )
        self._update(record)
        return faults

    def drop_index(self) -> None:
        """Drop the vector index; until the next one, searches read every row and are exact."""
        self._update(drop_index(self._database, self._record))

    def indexes(self) -> list[IndexInfo]:
        """Return the collection's indexes as Postgres has them, without primary keys."""
        return Indexes(self._database, self._record).all()

    def recall(
        self,
        sample: int = 200,
        limit: int = 10,
        *,
        queries: Sequence[str] | ArrayLike | None = None,
        truth: Truth | None = None,
        progress: Callable[[int], None] = lambda done: None,
    ) -> RecallReport:
        """Compare the index with exact search, keep the result in recall_history, and return it.

        Exact search compares what is stored, so this measures the index, and not what the kind of
        storage loses; `truth` measures both. See docs/recall.md.

        Args:
            sample: how many stored vectors to use as queries; each leaves out its own document.
            limit: how many chunks each search is for: what is measured is recall@limit.
            queries: your own queries instead: texts or vectors of shape (n, dim).
            truth: for each of them the ids of the documents to be found, the nearest first.
            progress: called with the number of queries done.

        Raises:
            ConfigurationError: truth without queries, or not one for each.
        """
        return index_recall(
            self._database,
            self._record,
            self._searcher,
            sample=sample,
            limit=limit,
            queries=None if queries is None else self._model.queries(queries),
            truth=truth,
            progress=progress,
        )

    def recall_history(self, limit: int = 20) -> list[MeasuredRecall]:
        """Return what `recall` and `tune` measured, the latest first."""
        return RecallHistory(self._database).of(self.name, limit)

    def tune(
        self,
        recall: float = 0.95,
        limit: int = 10,
        *,
        sample: int = 200,
        queries: Sequence[str] | ArrayLike | None = None,
        dry_run: bool = False,
        progress: bool = False,
    ) -> TuneReport:
        """Find the fastest settings of the index that reach a recall, and search with them.

        What is set is ef_search, probes and oversample; the index stays as it is built. Where
        the target cannot be reached, nothing is changed, and the report says what would help.

        Args:
            recall: the target: recall@limit against exact search, above 0 and at most 1.
            limit: how many rows the searches are for.
            sample: how many stored vectors to use as queries; each leaves out its own document.
            queries: your own queries instead: texts or vectors of shape (n, dim).
            dry_run: whether settings are only tried, and none is changed.
            progress: whether a progress bar is shown on stderr.

        Raises:
            ConfigurationError: the collection is empty, or the target is no share.
            IndexSpecError: it has no vector index, or that is not built.
            GenerationChangedError: somebody built another index meanwhile.
        """
        with shown(progress) as display, self._writing():
            report, record = tune_index(
                self._database,
                self._record,
                target=recall,
                limit=limit,
                sample=sample,
                queries=None if queries is None else self._model.queries(queries),
                dry_run=dry_run,
                progress=display.index,
            )
            self._update(record)
        return report
