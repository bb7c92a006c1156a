"""A collection: documents in, hits out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike
from psycopg import errors as pg

from embeddb.chunkers import ChunkerSpec, make_chunker
from embeddb.db.database import Database
from embeddb.errors import (
    ConfigurationError,
    DatabaseError,
    IngestAbortedError,
    InvalidVectorError,
    ModelMismatchError,
)
from embeddb.evaluation.recall import RecallReport, measure_recall
from embeddb.pipeline.checks import check_query
from embeddb.pipeline.display import Bars, Display, Silent
from embeddb.pipeline.ingest import Run, Tally
from embeddb.pipeline.prepare import Preparer
from embeddb.pipeline.write import Writer
from embeddb.protocols import Encoder, Source, Tokenized
from embeddb.records import Document, Failure, Hit, IngestReport, Vector
from embeddb.repository.collections import Collections
from embeddb.repository.documents import Documents
from embeddb.repository.indexes import Indexes, IndexInfo
from embeddb.repository.search import Searcher, filter_values
from embeddb.repository.statement import Wish
from embeddb.schema.catalog import CollectionRecord
from embeddb.schema.indexes import HNSW, IndexSpec, check_index
from embeddb.sources import open_source

if TYPE_CHECKING:
    import sqlalchemy as sa

Query: TypeAlias = "str | ArrayLike"
"""A text, encoded with the collection's model, or a vector of shape (dim,)."""

SourceLike: TypeAlias = "str | Path | Source | Iterable[Any]"
"""What `open_source` understands."""

Filter: TypeAlias = "dict[str, Any] | sa.ColumnElement[Any] | None"
"""`{"year": {"$gte": 2020}}`, or an expression over `collection.columns`."""


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
        self._load_encoder = load_encoder
        self._given_encoder = encoder
        self._documents = Documents(database, record)
        self._indexes = Indexes(database, record)
        self._indexed = False
        if encoder is not None:
            self._check_fingerprint(encoder)

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
    def columns(self) -> sa.sql.expression.ColumnCollection[str, sa.ColumnElement[Any]]:
        """The columns of the documents, for filters as SQLAlchemy expressions."""
        return self._searcher.compiler.documents.c

    @cached_property
    def encoder(self) -> Encoder:
        """The collection's encoder, loaded at the first text.

        Raises:
            ConfigurationError: the collection has no model.
            ModelMismatchError: what the name stands for here is another model.
        """
        model = self._record.generation.model
        if model is None:
            raise ConfigurationError(
                f"Collection {self.name!r} has no model: pass a vector of {self.dim} numbers "
                "instead of a text."
            )
        if self._given_encoder is not None:
            return self._given_encoder
        encoder = self._load_encoder(model.name)
        self._check_fingerprint(encoder)
        return encoder

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

        Each batch is one transaction, so an interrupted run keeps what it wrote and a second run
        goes on from there: unchanged documents are not encoded again. A document that cannot be
        read or encoded is reported, and the rest goes on.

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
            tally = Tally(display=display)
            run = self._run(fresh=self._documents.is_empty(), strict=strict)
            run.stream(opened, tally)
            deleted = self._prune(run.preparer, tally) if prune else 0
            if build_index:
                self._ensure_indexes(display)
        return tally.report(deleted)

    def add(
        self,
        documents: Iterable[Document | Mapping[str, Any] | str],
        *,
        build_index: bool = True,
    ) -> IngestReport:
        """Add or replace documents, all of them in one transaction or, on any error, none.

        Args:
            documents: Documents, dicts with `id`, `content`, `metadata`, … or texts; with
                `embedding` where the collection has no model.
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
            return self._documents.delete_ids(wanted, self._searcher.compiler)
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
        wish, values = self._wish(limit, filter, max_distance, exact=exact)
        return self._searcher.search(self._vector(query), wish, values)

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
        wish, values = self._wish(limit, filter, max_distance)
        vectors = self._vectors(queries)
        searcher = self._searcher
        with self._database.connection() as connection:
            return [searcher.search_on(connection, vector, wish, values) for vector in vectors]

    def similar(
        self, id: str, limit: int = 10, *, filter: Filter = None, max_distance: float | None = None
    ) -> list[Hit]:
        """Find the chunks nearest to the mean of a document's chunks, its own left out.

        Raises:
            ConfigurationError: there is no document of that id.
        """
        vector, _ = self._documents.mean_vector(id)
        if vector is None:
            raise ConfigurationError(f"There is no document {id!r} in {self.name!r}.")
        wish, values = self._wish(limit, filter, max_distance, without=id)
        return self._searcher.search(self._vector(vector), wish, values)

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
        return [
            Document(
                id=document.id,
                content=document.content,
                metadata=document.metadata,
                uri=document.uri,
                media_type=document.media_type,
                embedding=vectors.get(document.id),
            )
            for document in found
        ]

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
        wish, values = self._wish(limit, filter, max_distance, exact=exact)
        return self._searcher.sql(self._vector(query), wish, values)

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
        wish, values = self._wish(limit, filter, max_distance, exact=exact)
        vector = self._vector(query)
        return "\n".join(self._searcher.explain(vector, wish, values, analyze=analyze))

    def select(
        self,
        query: Query,
        limit: int = 10,
        *,
        filter: Filter = None,
        max_distance: float | None = None,
    ) -> sa.Select[Any]:
        """Give the search as a SQLAlchemy Select, for a session of your own, async ones included.

        Its columns are id, chunk_no, content, metadata, distance, score, uri and span. What it
        sets for itself (hnsw.ef_search, …) ends with the transaction that executes it.
        """
        wish, values = self._wish(limit, filter, max_distance)
        plain = {name: getattr(value, "obj", value) for name, value in values.items()}
        vector = self._vector(query).tolist()
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
        generation = self._record.generation
        wanted = index or generation.index or HNSW()
        check_index(
            wanted, storage=generation.storage, distance=generation.distance, dim=generation.dim
        )
        rows = self.count_chunks()
        resolved = wanted.resolved(rows)
        with _display(progress) as display:
            self._indexes.rebuild(resolved, rows, display.index if progress else None)
        self._set_index(resolved)
        return self.indexes()

    def drop_index(self) -> None:
        """Drop the vector index: searches read every row, and are exact, until the next one."""
        self._indexes.drop()
        self._set_index(None)

    def indexes(self) -> list[IndexInfo]:
        """Give the collection's indexes as Postgres has them, primary keys apart."""
        return self._indexes.all()

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
        searcher = self._searcher
        if queries is None:
            keys, vectors = self._documents.sample(sample)
            extra = {vector.tobytes(): id for (id, _), vector in zip(keys, vectors, strict=True)}
        else:
            vectors, extra = np.stack(self._vectors(queries)), {}

        with self._database.connection() as connection:

            def search(vector: Vector, exact: bool) -> list[Hit]:
                id = extra.get(vector.tobytes())
                wish = Wish(limit=limit, exact=exact, without=id is not None)
                values = {} if id is None else {"without": id}
                return searcher.search_on(connection, vector, wish, values)

            report = measure_recall(
                list(vectors),
                ann=lambda vector: search(vector, False),
                exact=lambda vector: search(vector, True),
                limit=limit,
                index_used=self._index_used(vectors, limit),
                progress=progress,
            )
        self._keep(report)
        return report

    # within

    @cached_property
    def _searcher(self) -> Searcher:
        return Searcher(self._database, self._record)

    def _run(self, *, fresh: bool, strict: bool) -> Run:
        generation = self._record.generation
        encoder = self.encoder if generation.model else None
        tokenizer = encoder.tokenizer() if isinstance(encoder, Tokenized) else None
        capacity = self._capacity(encoder)
        chunker = None
        if encoder is not None:
            spec = ChunkerSpec.from_json(generation.chunker)
            chunker = make_chunker(spec, tokenizer, capacity)
        return Run(
            preparer=Preparer(
                self._documents,
                generation,
                chunker=chunker,
                tokenizer=tokenizer,
                capacity=capacity,
                fresh=fresh,
                strict=strict,
            ),
            generation=generation,
            encoder=encoder,
            writer=lambda: Writer(self._database, self._documents, dim=generation.dim, fresh=fresh),
            strict=strict,
        )

    def _capacity(self, encoder: Encoder | None) -> int | None:
        """Tokens that the model reads of a chunk: its limit, less special tokens and prompt."""
        if encoder is None or encoder.info.max_tokens is None:
            return None
        prompt = encoder.info.document_prompt
        tokenizer = encoder.tokenizer() if isinstance(encoder, Tokenized) else None
        if tokenizer is None:
            return encoder.info.max_tokens - len(prompt.encode())
        return encoder.info.max_tokens - len(tokenizer.encode(prompt, add_special_tokens=True))

    def _prune(self, preparer: Preparer, tally: Tally) -> int:
        if tally.seen == 0:
            raise ConfigurationError(
                "The source has no documents at all, so pruning would empty the collection; "
                "if that is meant, drop it or delete its documents."
            )
        gone = [id for id in self._documents.all_ids() if hash(id) not in preparer.seen]
        return self._documents.delete_ids(gone, self._searcher.compiler)

    def _ensure_indexes(self, display: Display) -> None:
        if self._indexed:
            return
        index = self._record.generation.index
        if self._indexes.missing(index) and (rows := self.count_chunks()):
            resolved = None if index is None else index.resolved(rows)
            build_progress = None if isinstance(display, Silent) else display.index
            self._indexes.ensure(resolved, rows, build_progress)
            if resolved != index:
                self._set_index(resolved)
        self._indexed = True

    def _set_index(self, index: IndexSpec | None) -> None:
        catalog = Collections(self._database)
        catalog.set_index(self.name, index)
        self._record = catalog.get(self.name)
        self.__dict__.pop("_searcher", None)
        self._indexed = False

    def _wish(
        self,
        limit: int,
        filter: Filter,
        max_distance: float | None,
        *,
        exact: bool = False,
        without: str | None = None,
    ) -> tuple[Wish, dict[str, Any]]:
        if isinstance(limit, bool) or not isinstance(limit, int) or limit < 1:
            raise ConfigurationError(f"limit must be a whole number of at least 1, not {limit!r}.")
        wanted, values = filter_values(filter)
        if max_distance is not None:
            values["max_distance"] = float(max_distance)
        if without is not None:
            values["without"] = without
        wish = Wish(
            limit=limit,
            filter=wanted,
            max_distance=max_distance is not None,
            exact=exact,
            without=without is not None,
        )
        return wish, values

    def _condition(self, filter: Filter) -> tuple[Any, dict[str, Any]]:
        wanted, values = filter_values(filter)
        if wanted is False:
            return None, {}
        return self._searcher.compiler.condition(wanted), values

    def _vector(self, query: Query) -> Vector:
        if isinstance(query, str):
            return self._vectors([query])[0]
        return check_query(query, self._record.generation)

    def _vectors(self, queries: Sequence[str] | ArrayLike) -> list[Vector]:
        rows: Any = queries
        if len(rows) and isinstance(rows[0], str):
            blank = next((text for text in rows if not str(text).strip()), None)
            if blank is not None:
                raise InvalidVectorError(f"The query {blank!r} has no words to encode.")
            rows = self.encoder.encode(list(rows), "query")
        generation = self._record.generation
        return [
            check_query(row, generation, f"Query vector {number}")
            for number, row in enumerate(rows)
        ]

    def _check_fingerprint(self, encoder: Encoder) -> None:
        model = self._record.generation.model
        if model is None:
            raise ConfigurationError(
                f"Collection {self.name!r} stores vectors of your own; it takes no encoder."
            )
        if encoder.info.fingerprint != model.fingerprint:
            raise ModelMismatchError(
                f"Collection {self.name!r} was made with {model.name} "
                f"({model.fingerprint[:20]}…), but {encoder.info.name} here is another model "
                f"({encoder.info.fingerprint[:20]}…): their vectors cannot be compared. Use the "
                "first one, or make a new collection."
            )

    def _index_used(self, vectors: Vector, limit: int) -> bool:
        index = self._record.generation.index
        if index is None or not len(vectors):
            return False
        name = self._record.tables.vector_index(index.method)
        return name in self._searcher.indexes_used(vectors[0], Wish(limit=limit), {})

    def _keep(self, report: RecallReport) -> None:
        values = {"recall": report.recall, "limit": report.limit, "sample": report.sample}
        try:
            Collections(self._database).record_recall(self._record, values)
        except DatabaseError as error:  # a reader may measure, though not write it down
            if not isinstance(
                error.__cause__, pg.InsufficientPrivilege | pg.ReadOnlySqlTransaction
            ):
                raise


@contextmanager
def _display(progress: bool) -> Iterator[Display]:
    with ExitStack() as stack:
        yield stack.enter_context(Bars()) if progress else Silent()
