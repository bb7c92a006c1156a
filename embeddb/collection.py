"""A collection: documents in, hits out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, TypeVar

from numpy.typing import ArrayLike
from psycopg.errors import UndefinedTable

from embeddb.db.database import Database
from embeddb.errors import (
    ConfigurationError,
    DatabaseError,
    EmbedDBError,
    GenerationChangedError,
    IngestAbortedError,
    InvalidVectorError,
)
from embeddb.evaluation.advice import Advice
from embeddb.evaluation.advisor import advise
from embeddb.evaluation.advisor_candidates import CandidateLike
from embeddb.evaluation.index_recall import index_recall
from embeddb.evaluation.index_tuning import TuneReport, tune_index
from embeddb.evaluation.questions import Truth
from embeddb.evaluation.recall import RecallReport
from embeddb.pipeline.bound_model import BoundModel, Query
from embeddb.pipeline.convert import Form, convert, default_index, realize
from embeddb.pipeline.display import Bars, Display, Silent
from embeddb.pipeline.forms import checked_index
from embeddb.pipeline.indexing import ensure_indexes, forget_index, rebuild_index
from embeddb.pipeline.ingest import Run
from embeddb.pipeline.repair import Fault, find_faults, repair
from embeddb.pipeline.stored_form import StoredForm
from embeddb.pipeline.tally import Tally
from embeddb.protocols import Encoder, Source
from embeddb.records import Document, Failure, Hit, IngestReport, SearchPlan
from embeddb.repository.collections import Collections
from embeddb.repository.documents import Documents
from embeddb.repository.indexes import Indexes, IndexInfo
from embeddb.repository.plans import Plans
from embeddb.repository.recall_history import MeasuredRecall, RecallHistory
from embeddb.repository.search import Asked, Filter, Searcher, make_wish, split_filter
from embeddb.repository.sql_encoders import SQLEncoderInfo, SQLEncoders
from embeddb.schema.catalog import CollectionRecord
from embeddb.schema.distances import Distance
from embeddb.schema.index_rules import check_hidden, resolve_index
from embeddb.schema.indexes import HNSW, IndexSpec
from embeddb.schema.storage import Storage
from embeddb.sources import open_source
from embeddb.transforms import TransformSpec

if TYPE_CHECKING:
    import sqlalchemy as sa

    from embeddb.sql_encoder import SQLEncoderReport, TrainOptions
    from embeddb.sql_encoder.train import Progress as SQLEncoderProgress

Read = TypeVar("Read")

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
        self._load_encoder = load_encoder
        self._indexed = False
        self._take(record, encoder)

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
        self._check_own()
        opened = open_source(source)
        with _display(progress) as display, self._written():
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
        self._check_own()
        tally = Tally(display=Silent())
        items = list(open_source(documents).documents())
        for item in items:
            if isinstance(item, Failure):
                raise IngestAbortedError(f"{item.id}: {item.message}")
        with self._written():
            self._run(fresh=False, strict=True).at_once(items, tally)
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
        self._check_own()
        with self._written():
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
        asked = self._asked(limit, filter, max_distance, exact=exact)
        return self._read(lambda: self._searcher.search(self._model.query(query), *asked))

    def search_many(
        self,
        queries: Sequence[str] | ArrayLike,
        limit: int = 10,
        *,
        filter: Filter = None,
        max_distance: float | None = None,
    ) -> list[list[Hit]]:
        """Search for several queries, texts or vectors of shape (n, dim): faster than one by one.

        Texts are encoded together, and the searches are sent ahead of the answers, over up to
        three connections if so many can be had.

        Raises:
            What `search` raises.
        """
        asked = self._asked(limit, filter, max_distance)
        return self._read(lambda: self._searcher.search_many(self._model.queries(queries), *asked))

    def search_with_plan(
        self,
        query: Query,
        limit: int = 10,
        *,
        filter: Filter = None,
        max_distance: float | None = None,
        exact: bool = False,
    ) -> tuple[list[Hit], SearchPlan]:
        """Search, and tell how the hits were found; it runs twice, once under EXPLAIN ANALYZE.

        Raises:
            What `search` raises.
        """
        asked = self._asked(limit, filter, max_distance, exact=exact)
        return self._read(lambda: self._plans.search(self._model.query(query), asked))

    def plan(
        self,
        query: Query,
        limit: int = 10,
        *,
        filter: Filter = None,
        max_distance: float | None = None,
        exact: bool = False,
    ) -> SearchPlan:
        """Tell how Postgres answers a search: by which way, and how many rows that reads.

        Raises:
            What `search` raises.
        """
        return self.search_with_plan(
            query, limit, filter=filter, max_distance=max_distance, exact=exact
        )[1]

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
        asked = self._asked(limit, filter, max_distance, without=id)
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
        asked = self._asked(limit, filter, max_distance, exact=exact)
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
        """Give Postgres's plan of a search, below what it comes to as comments.

        With `analyze` it is run: the comments are those of `plan`, and the plan has times and
        buffers.
        """
        asked = self._asked(limit, filter, max_distance, exact=exact)
        vector = self._model.query(query)
        return "\n".join(self._plans.explain(vector, asked, analyze=analyze))

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
        asked = self._asked(limit, filter, max_distance)
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
        if (wanted := self._record.generation.wanted) is not None:
            self.convert(index=index or wanted.index or HNSW(), progress=progress)
            return self.indexes()
        checked = self._checked_index(index)
        with _display(progress) as display:
            self._update(rebuild_index(self._database, self._record, checked, display))
        self.__dict__.pop("_searcher", None)  # it may know a codebook that was learned anew
        return self.indexes()

    def estimate_index(self, index: IndexSpec | None = None) -> int | None:
        """Estimate the bytes on disk of an index on what is stored now, before it is built.

        Args:
            index: None: the collection's own, or HNSW().

        Returns:
            None where that is not known beforehand: of IVFPQ, and while a transform is pending.

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
    ) -> list[Fault]:
        """Mend what interrupted builds and conversions left.

        Invalid indexes are dropped, missing ones built, missing functions created. What somebody
        is at work on, and what is not embeddb's, is left as it is, and the result says why.

        Args:
            dry_run: only look.
            drop_generations: also drop what an interrupted conversion left; a conversion that
                is going on loses nothing but its work.
            progress: show a progress bar on stderr.

        Raises:
            IndexBuildError: a missing index could not be built; nothing invalid is left.
        """
        if dry_run:
            return find_faults(self._database, self._record)
        with _display(progress) as display:
            record, faults = repair(
                self._database, self._record, display, drop_generations=drop_generations
            )
        self._update(record)
        return faults

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
        truth: Truth | None = None,
        progress: Callable[[int], None] = lambda done: None,
    ) -> RecallReport:
        """Compare the index with exact search, and keep the result in recall_history.

        Exact search compares what is stored, so this measures the index and not what the kind of
        storage loses; `truth` measures both. See docs/recall.md.

        Args:
            sample: how many stored vectors to use as queries, each without its own document.
            limit: recall@limit.
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
        """Give what `recall` and `tune` measured, the latest first."""
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
            sample: how many stored vectors to use as queries, each without its own document.
            queries: your own queries instead: texts or vectors of shape (n, dim).
            dry_run: try, and change nothing.
            progress: show a progress bar on stderr.

        Raises:
            ConfigurationError: the collection is empty, or the target is no share.
            IndexSpecError: it has no vector index, or that is not built.
            GenerationChangedError: somebody built another index meanwhile.
        """
        with _display(progress) as display, self._written():
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

    # the form of what is stored

    def convert(
        self,
        *,
        storage: str | None = None,
        transform: str | Sequence[str] | None = None,
        index: IndexSpec | Literal["exact"] | None = None,
        distance: str | None = None,
        progress: bool = False,
    ) -> None:
        """Store the vectors in another form, without encoding anything anew.

        A new generation is filled and indexed beside the old one, which is searched and written
        meanwhile; then it takes the old one's place in one short transaction.

        Args:
            storage: vector, halfvec, int8 or bit; None: as it is.
            transform: done to what is stored now, after the transform that it has; None: nothing,
                or what the collection was created for and has not been able to learn yet.
            index: None: the one that it has; "exact": none.
            distance: only for a change between numbers and bits: hamming, jaccard.
            progress: show progress bars on stderr.

        Raises:
            TransformError: there are too few vectors to learn the transform from.
            IndexSpecError, ConfigurationError: the form contradicts itself.
            IndexBuildError: the index could not be built.
            After any error the collection is as it was.
        """
        old = self._record.generation
        spec = TransformSpec.parse(transform)
        pending = old.wanted
        words = spec.words if spec else pending.transform if pending else ()
        form = Form(
            storage=Storage.named(storage or (pending or old).storage.label),
            distance=Distance.named(distance or old.distance.label),
            transform=words,
            index=None if index == "exact" else index or default_index(self._record),
        )
        with _display(progress) as display:
            try:
                self._update(convert(self._database, self._record, form, display))
            except BaseException:
                with suppress(EmbedDBError):
                    self._reload()  # somebody else may have converted it, or Ctrl-C came late
                raise

    def compress(
        self,
        recall: float = 0.98,
        limit: int = 10,
        *,
        sample: int = 200,
        rows: int | None = 20_000,
        candidates: Sequence[CandidateLike] | None = None,
        queries: Sequence[str] | ArrayLike | None = None,
        progress: bool = False,
    ) -> Advice:
        """Try forms of the vectors, and find the smallest that still finds enough.

        Each form is built beside the collection from the same chunks, searched, measured and
        dropped; the collection stays as it is. Recall is against exact search over what is stored
        now. `collection.convert(**advice.best.as_convert())` takes the advice. See
        docs/compression.md.

        Args:
            recall: what is enough, above 0 and at most 1.
            limit: how many rows a search is for.
            sample: how many stored vectors to use as queries: of chunks that are not among
                `rows` where there are enough, else each without its own document.
            rows: chunks that each form is tried with, drawn at random; None: all.
            candidates: the forms, as Candidates or as keywords of `convert`; None: about ten that
                are usually worth trying. The current form is always among them.
            queries: your own queries instead: texts or vectors of shape (n, dim).
            progress: show a progress bar on stderr.

        Raises:
            ConfigurationError: the collection is empty or keeps only bits, or an argument is out
                of its range. A form that cannot be had is in `advice.skipped`, with the reason.
            GenerationChangedError: somebody converted the collection meanwhile.
        """
        with _display(progress) as display, self._written():
            return advise(
                self._database,
                self._record,
                recall=recall,
                limit=limit,
                sample=sample,
                rows=rows,
                candidates=candidates,
                queries=None if queries is None else self._model.queries(queries),
                display=display,
            )

    # text queries in SQL

    def train_sql_encoder(
        self, options: TrainOptions | None = None, *, progress: SQLEncoderProgress | None = None
    ) -> SQLEncoderReport:
        """Train an encoder that Postgres runs itself, so that `<name>_search('text')` needs no one.

        It predicts the model's own vector of a query from its tokens, and is trained on this
        collection's texts and on short pieces of them: one to a few minutes. What it loses against
        the model is measured on held-out queries, and stored with it. See docs/sql.md.

        Args:
            options: how much to train on.
            progress: called with what is being done, how much of it is done and is to be done.

        Raises:
            ConfigurationError: the collection has no model.
            SQLEncoderError: the model's tokenizer is not WordPiece, or there are too few texts.
            GenerationChangedError: the collection was converted meanwhile.
        """
        from embeddb.sql_encoder import TrainOptions, train_sql_encoder  # it needs scipy

        given = options or TrainOptions()
        with self._written():
            return train_sql_encoder(
                self._database,
                self._record,
                self._model,
                given,
                progress or (lambda phase, done, total: None),
            )

    def sql_encoder(self) -> SQLEncoderInfo | None:
        """Describe the encoder that Postgres runs itself; None where there is none."""
        return SQLEncoders(self._database).get(self._record)

    def drop_sql_encoder(self) -> bool:
        """Remove the encoder that Postgres runs itself; say whether there was one."""
        return SQLEncoders(self._database).drop(self._record)

    # within

    def _check_own(self) -> None:
        """Refuse to write documents that are rows of somebody's table."""
        if (source := self._record.source) is not None:
            raise ConfigurationError(
                f"Collection {self.name!r} is attached to {source.table_text}: write to that "
                "table, and a worker follows."
            )

    def _asked(
        self,
        limit: int,
        filter: Filter,
        max_distance: float | None,
        *,
        exact: bool = False,
        without: str | None = None,
    ) -> Asked:
        layout = self._record.generation.layout
        return make_wish(limit, filter, max_distance, exact=exact, without=without, layout=layout)

    @cached_property
    def _searcher(self) -> Searcher:
        return Searcher(self._database, self._record)

    @property
    def _plans(self) -> Plans:
        return Plans(self._database, self._record, self._searcher)

    def _run(self, *, fresh: bool, strict: bool) -> Run:
        return Run.of(
            self._database, self._record, self._model, self._form, fresh=fresh, strict=strict
        )

    def _checked_index(self, index: IndexSpec | None) -> IndexSpec | None:
        """Warn where the index is to be another one than asked for."""
        check_hidden(self._record.source, index)
        generation = self._record.generation
        return checked_index(index or generation.index or HNSW(), generation)

    def _ensure_indexes(self, display: Display) -> None:
        if not self._indexed:
            self._update(realize(self._database, self._record, display))
            self._update(ensure_indexes(self._database, self._record, display))
            missing = Indexes(self._database, self._record).missing(self._record.generation.index)
            self._indexed = self._record.generation.wanted is None and not missing

    def _take(self, record: CollectionRecord, encoder: Encoder | None = None) -> None:
        """Take a generation: what is made of vectors, and where they are."""
        self._record = record
        self._form = StoredForm(self._database, record.generation)
        self._model = BoundModel(record, self._form, self._load_encoder, encoder)
        self._documents = Documents(self._database, record)
        self._indexed = False

    def _reload(self) -> bool:
        """Read the record anew; say whether another generation is active now, or another index."""
        before = self._record
        self._update(Collections(self._database).get(self.name))
        return self._record != before

    def _read(self, read: Callable[[], Read]) -> Read:
        """Read, and once more where the generation was replaced and dropped meanwhile."""
        try:
            return read()
        except DatabaseError as error:
            gone = isinstance(error.__cause__, UndefinedTable)
            gone = gone or isinstance(error, GenerationChangedError)
            if not gone or not self._reload():
                raise
        return read()

    @contextmanager
    def _written(self) -> Iterator[None]:
        """Write; where the generation was replaced meanwhile, the next call meets the new one."""
        try:
            yield
        except GenerationChangedError:
            self._reload()
            raise

    def _update(self, record: CollectionRecord) -> None:
        """Take a changed record: statements are compiled anew for its index."""
        if record != self._record:
            self._take(record, self._model.loaded)
            self.__dict__.pop("_searcher", None)

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
