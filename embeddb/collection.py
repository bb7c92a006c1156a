"""A collection: documents in, hits out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from numpy.typing import ArrayLike

from embeddb.db.database import Database
from embeddb.errors import ConfigurationError, IngestAbortedError, InvalidVectorError
from embeddb.evaluation.index_recall import index_recall
from embeddb.evaluation.recall import RecallReport
from embeddb.pipeline.bound_model import BoundModel, Query
from embeddb.pipeline.display import Bars, Display, Silent
from embeddb.pipeline.indexing import ensure_indexes, forget_index, rebuild_index
from embeddb.pipeline.ingest import Run
from embeddb.pipeline.stored_form import StoredForm
from embeddb.pipeline.tally import Tally
from embeddb.protocols import Encoder, Source
from embeddb.records import Document, Failure, Hit, IngestReport
from embeddb.repository.documents import Documents
from embeddb.repository.indexes import Indexes, IndexInfo
from embeddb.repository.search import Filter, Searcher, make_wish, split_filter
from embeddb.schema.catalog import CollectionRecord
from embeddb.schema.indexes import IndexSpec
from embeddb.sources import open_source

if TYPE_CHECKING:
    import sqlalchemy as sa

SourceLike: TypeAlias = str | Path | Source | Iterable[Any]
"""What `open_source` understands."""


class Collection:
    """Documents, their chunks and their vectors; made by `Store`, not by hand."""

    def __init__(
        self,
        database: Database,
        record: CollectionRecord,
        load_encoder: Callable[[str], Encoder],
        encoder: Encoder | None = None,
    ) -> None:
        self._database = database
        self._record = record
        self._form = StoredForm(database, record.generation)
        self._model = BoundModel(record, self._form, load_encoder, encoder)
        self._documents = Documents(database, record)
        self._indexed = False

    def __repr__(self) -> str:
        generation = self._record.generation
        model = generation.model.name if generation.model else None
        return f"<Collection {self.name!r} model={model!r} dim={generation.dim}>"

    @property
    def name(self) -> str:
        """The collection's name."""
        return self._record.name

    @property
    def record(self) -> CollectionRecord:
        """What the catalog tells of the collection."""
        return self._record

    @property
    def dim(self) -> int:
        """Dimensions of a vector."""
        return self._record.generation.dim

    @property
    def columns(self) -> sa.ColumnCollection[str, sa.ColumnElement[Any]]:
        """The columns of the documents, for filters as SQLAlchemy expressions."""
        return self._searcher.compiler.documents.c

    @property
    def encoder(self) -> Encoder:
        """The collection's encoder, loaded at the first text.

        Raises:
            ConfigurationError: the collection has no model.
            ModelMismatchError: what the name stands for here is another model.
        """
        return self._model.encoder

    # writing

    def ingest(
        self,
        source: SourceLike,
        *,
        prune: bool = False,
        strict: bool = False,
        progress: bool = False,
        build_index: bool = True,
    ) -> IngestReport:
        """Bring the collection up to date with a source, batch by batch.

        A document is written in one transaction and a batch in one or two, so an interrupted run
        keeps what it wrote and a second run goes on from there: unchanged documents are not
        encoded again. A document that cannot be read or encoded is reported, and the rest goes
        on.

        Args:
            source: a path (file, folder, glob, .jsonl, .csv, .parquet), a Source, or any
                iterable of documents, dicts or texts.
            prune: afterwards delete every document that the source does not have.
            strict: stop at the first document that cannot be taken.
            progress: show progress bars on stderr.
            build_index: build the vector index afterwards where it is missing.

        Raises:
            IngestAbortedError: strict, and a document could not be taken.
            SourceError: the source as a whole cannot be read; nothing is pruned then.
            DatabaseUnavailableError: the connection was lost for good; run again to go on.
        """
        opened = open_source(source)
        with _display(progress) as display:
            display.documents(0, None)
            tally = Tally(display=display)
            run = self._run(fresh=self._documents.is_empty(), strict=strict)
            run.stream(opened, tally)
            deleted = run.prune(tally) if prune else 0
            if build_index:
                self._ensure_indexes(display)
        return tally.report(deleted)

    def add(
        self,
        documents: Iterable[Document | Mapping[str, Any] | tuple[str, str] | str],
        *,
        build_index: bool = True,
    ) -> IngestReport:
        """Add or replace documents, all of them in one transaction or, on any error, none.

        Args:
            documents: Documents, dicts with `id`, `content`, `metadata`, …, pairs of id and text,
                or texts; with `embedding` where the collection has no model.
            build_index: build the vector index afterwards where it is missing; leave it out
                while loading much in many calls, and call `create_index` at the end.

        Raises:
            DocumentError: a document cannot be taken; it is named.
            EncodingError: the model failed on one.
        """
        tally = Tally(display=Silent())
        run = self._run(fresh=False, strict=True)
        items = list(open_source(documents).documents())
        for item in items:
            if isinstance(item, Failure):
                raise IngestAbortedError(f"{item.id}: {item.message}")
        run.at_once(items, tally)
        if build_index:
            self._ensure_indexes(Silent())
        return tally.report()

    def delete(self, *, ids: Sequence[str] | None = None, filter: Filter = None) -> int:
        """Delete documents, and their chunks, by id or by filter; give their number.

        Raises:
            ConfigurationError: neither is given, or both are.
        """
        if (ids is None) == (filter is None):
            raise ConfigurationError("delete() takes either ids=[…] or filter={…}.")
        if ids is not None:
            wanted = [ids] if isinstance(ids, str) else list(ids)
            return self._documents.delete_ids(wanted)
        condition, values = self._condition(filter)
        return self._documents.delete(condition, values)

    # reading

    def search(
        self,
        query: Query,
        limit: int = 10,
        *,
        filter: Filter = None,
        max_distance: float | None = None,
        exact: bool = False,
    ) -> list[Hit]:
        """Find the nearest chunks, nearest first.

        Args:
            query: a text, or a vector of shape (dim,).
            limit: how many chunks, as far as so many pass the filter.
            filter: see docs/search.md.
            max_distance: leave out what is farther.
            exact: read every row instead of the index.

        Raises:
            FilterError: an unknown operator or a malformed filter; nothing is ignored.
            DimensionMismatchError, InvalidVectorError: the query cannot be compared.
        """
        asked = make_wish(limit, filter, max_distance, exact=exact)
        return self._searcher.search(self._model.query(query), *asked)

    def search_many(
        self,
        queries: Sequence[str] | ArrayLike,
        limit: int = 10,
        *,
        filter: Filter = None,
        max_distance: float | None = None,
    ) -> list[list[Hit]]:
        """Search for several queries, texts or vectors of shape (n, dim), on one connection.

        Raises:
            What `search` raises.
        """
        asked = make_wish(limit, filter, max_distance)
        vectors = self._model.queries(queries)
        searcher = self._searcher
        with self._database.connection() as connection:
            return [searcher.search_on(connection, vector, *asked) for vector in vectors]

    def similar(
        self, id: str, limit: int = 10, *, filter: Filter = None, max_distance: float | None = None
    ) -> list[Hit]:
        """Find the chunks nearest to the mean of a document's chunks, its own left out.

        Raises:
            ConfigurationError: there is no document of that id.
        """
        vector = self._documents.mean_vector(id)
        if vector is None:
            raise ConfigurationError(f"There is no document {id!r} in {self.name!r}.")
        if not vector.any():
            raise InvalidVectorError(
                f"The chunks of document {id!r} point into opposite directions: their mean is zero."
            )
        asked = make_wish(limit, filter, max_distance, without=id)
        return self._searcher.search(vector, *asked)

    def get(self, ids: str | Sequence[str], *, embeddings: bool = False) -> list[Document]:
        """Give the documents of these ids, in their order; those not there are left out.

        Args:
            ids: one id or several.
            embeddings: give each document the vector of its first chunk.
        """
        wanted = [ids] if isinstance(ids, str) else list(ids)
        found = self._documents.get(wanted)
        if not embeddings:
            return found
        vectors = self._documents.first_vectors(wanted)
        return [replace(document, embedding=vectors.get(document.id)) for document in found]

    def count(self, filter: Filter = None) -> int:
        """Count the documents that pass a filter."""
        condition, values = self._condition(filter)
        return self._documents.count(condition, values)

    def count_chunks(self) -> int:
        """Count the chunks."""
        return self._documents.count_chunks()

    def peek(self, limit: int = 5) -> list[Document]:
        """Give a few documents, as they come."""
        return self._documents.peek(limit)

    def sql(
        self,
        query: Query,
        limit: int = 10,
        *,
        filter: Filter = None,
        max_distance: float | None = None,
        exact: bool = False,
    ) -> str:
        """Write the statement that `search` would send, to be pasted into psql."""
        asked = make_wish(limit, filter, max_distance, exact=exact)
        return self._searcher.sql(self._model.query(query), *asked)

    def explain(
        self,
        query: Query,
        limit: int = 10,
        *,
        filter: Filter = None,
        max_distance: float | None = None,
        exact: bool = False,
        analyze: bool = False,
    ) -> str:
        """Give Postgres's plan of a search; with `analyze`, run it and tell times and buffers."""
        asked = make_wish(limit, filter, max_distance, exact=exact)
        vector = self._model.query(query)
        return "\n".join(self._searcher.explain(vector, *asked, analyze=analyze))

    def select(
        self,
        query: Query,
        limit: int = 10,
        *,
        filter: Filter = None,
        max_distance: float | None = None,
    ) -> sa.Select[Any]:
        """Give the search as a SQLAlchemy Select, for a session of your own, async ones included.

        Its columns are id, chunk_no, content, metadata, distance, score, uri, start and stop.
        What it sets for itself (hnsw.ef_search, …) ends with the transaction that executes it.
        """
        asked = make_wish(limit, filter, max_distance)
        wish, values = asked
        plain = {name: getattr(value, "obj", value) for name, value in values.items()}
        vector = self._model.query(query).tolist()
        return self._searcher.compiler.select(wish).params(query=vector, **plain)

    # indexes

    def create_index(
        self, index: IndexSpec | None = None, *, progress: bool = False
    ) -> list[IndexInfo]:
        """Build the vector index, in place of another one if there is one.

        It is built CONCURRENTLY: others read and write meanwhile.

        Args:
            index: None: the one that the collection was created with, or HNSW().
            progress: show a progress bar on stderr.

        Raises:
            IndexSpecError: pgvector cannot build it for this collection.
            IndexBuildError: the build failed; nothing invalid is left.
        """
        with _display(progress) as display:
            self._update(rebuild_index(self._database, self._record, index, display))
        return self.indexes()

    def drop_index(self) -> None:
        """Drop the vector index: searches read every row, and are exact, until the next one."""
        self._update(forget_index(self._database, self._record))

    def indexes(self) -> list[IndexInfo]:
        """Give the collection's indexes as Postgres has them, primary keys apart."""
        return Indexes(self._database, self._record).all()

    def recall(
        self,
        sample: int = 200,
        limit: int = 10,
        *,
        queries: Sequence[str] | ArrayLike | None = None,
        progress: Callable[[int], None] = lambda done: None,
    ) -> RecallReport:
        """Compare the index with exact search, and keep the result in recall_history.

        Args:
            sample: how many stored vectors to use as queries, each without its own document.
            limit: recall@limit.
            queries: your own queries instead: texts or vectors of shape (n, dim).
            progress: called with the number of queries done.
        """
        return index_recall(
            self._database,
            self._record,
            self._searcher,
            sample=sample,
            limit=limit,
            queries=None if queries is None else self._model.queries(queries),
            progress=progress,
        )

    # within

    @cached_property
    def _searcher(self) -> Searcher:
        return Searcher(self._database, self._record)

    def _run(self, *, fresh: bool, strict: bool) -> Run:
        return Run.of(
            self._database, self._record, self._model, self._form, fresh=fresh, strict=strict
        )

    def _ensure_indexes(self, display: Display) -> None:
        if not self._indexed:
            self._update(ensure_indexes(self._database, self._record, display))
            self._indexed = True

    def _update(self, record: CollectionRecord) -> None:
        """Take a changed record: statements are compiled anew for its index."""
        if record != self._record:
            self._record = record
            self.__dict__.pop("_searcher", None)
            self._indexed = False

    def _condition(self, filter: Filter) -> tuple[Any, dict[str, Any]]:
        wanted, values = split_filter(filter)
        if wanted is False:
            return None, {}
        return self._searcher.compiler.condition(wanted), values


@contextmanager
def _display(progress: bool) -> Iterator[Display]:
    if not progress:
        yield Silent()
        return
    with Bars() as bars:
        yield bars
