"""What every group of a collection's methods works on: its record, and what is made for that."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

from psycopg.errors import UndefinedTable

from embeddb.db.database import Database
from embeddb.errors import (
    ConfigurationError,
    DatabaseError,
    EmbedDBError,
    FilterWarning,
    GenerationChangedError,
    IndexBuildWarning,
)
from embeddb.pipeline.conversion.convert import Form, apply_pending_form, convert
from embeddb.pipeline.conversion.forms import checked_index
from embeddb.pipeline.generation.form import StoredForm
from embeddb.pipeline.generation.model import BoundModel
from embeddb.pipeline.indexes.indexes import ensure_indexes
from embeddb.pipeline.ingest.ingest import Run
from embeddb.pipeline.ingest.ownership import Ownership
from embeddb.progress import Display, shown
from embeddb.protocols import Encoder
from embeddb.repository.collections.collections import Collections
from embeddb.repository.collections.documents import Documents
from embeddb.repository.indexes.indexes import Indexes
from embeddb.repository.roles.privileges import owns_chunks
from embeddb.repository.search.options import (
    Filter,
    SearchFilters,
    SearchOptions,
    check_known,
)
from embeddb.repository.search.plans import Plans
from embeddb.repository.search.searcher import (
    Searcher,
    SearchRequest,
    make_request,
    split_filter,
)
from embeddb.repository.search.unmatched import Unmatched
from embeddb.schema.catalog import CollectionRecord
from embeddb.schema.index_rules import check_hidden
from embeddb.schema.indexes import HNSW, IndexSpec

if TYPE_CHECKING:
    import sqlalchemy as sa


Read = TypeVar("Read")


class CollectionBase:
    """A collection as the catalog has it now: what each group of its methods works on."""

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
        self._use(record, encoder)

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
        """The collection as the catalog has it."""
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

    def _check_own(self) -> None:
        """Check that the documents are the collection's own, and not rows of somebody's table."""
        if (source := self._record.source) is not None:
            raise ConfigurationError(
                f"Collection {self.name!r} is attached to {source.table_text}: write to that "
                "table, and a worker follows."
            )

    def _request(
        self,
        limit: int,
        options: SearchFilters,
        known: frozenset[str] = SearchOptions.__optional_keys__,
        *,
        without: str | None = None,
    ) -> SearchRequest:
        """Return what a search asks for, once its options are all among those it knows."""
        check_known(options, known)
        layout = self._record.generation.layout
        return make_request(limit, without=without, layout=layout, **options)

    @cached_property
    def _searcher(self) -> Searcher:
        return Searcher(self._database, self._record)

    @property
    def _plans(self) -> Plans:
        return Plans(self._database, self._record, self._searcher)

    def _run(
        self,
        *,
        fresh: bool,
        strict: bool,
        ownership: Ownership | None = None,
        id_prefix: str = "",
    ) -> Run:
        return Run.of(
            self._database,
            self._record,
            self._model,
            self._form,
            fresh=fresh,
            strict=strict,
            ownership=ownership,
            id_prefix=id_prefix,
        )

    def _checked_index(self, index: IndexSpec | None) -> IndexSpec | None:
        """Return the index that can be built; warn where it is another one than asked for."""
        check_hidden(self._record.source, index)
        generation = self._record.generation
        return checked_index(index or generation.index or HNSW(), generation)

    def _convert(self, form: Form, *, progress: bool) -> None:
        """Store the vectors in another form; the record is the catalog's, even after an error."""
        with shown(progress) as display:
            try:
                self._update(convert(self._database, self._record, form, display))
            except BaseException:
                with suppress(EmbedDBError):
                    self._reload()  # somebody else may have converted it, or Ctrl-C came late
                raise

    def _ensure_indexes(self, display: Display) -> None:
        if not self._indexed and self._may_index():
            self._update(apply_pending_form(self._database, self._record, display))
            self._update(ensure_indexes(self._database, self._record, display))
            missing = Indexes(self._database, self._record).missing(self._record.generation.index)
            self._indexed = self._record.generation.wanted is None and not missing

    def _may_index(self) -> bool:
        """Return whether the role owns the tables; if not, warn of an index that is due."""
        with self._database.connection() as connection:
            if owns_chunks(connection, self._record.tables):
                return True
        self._indexed = True
        generation = self._record.generation
        due = Indexes(self._database, self._record).missing(generation.index)
        if due or generation.wanted is not None:
            warnings.warn(
                f"The index of {self.name!r} is not built: this role does not own its tables. "
                f"Their owner builds it: embeddb index build '{self.name}'",
                IndexBuildWarning,
                stacklevel=4,
            )
        return False

    def _use(self, record: CollectionRecord, encoder: Encoder | None = None) -> None:
        """Work on a generation from now on: what is made of vectors, and where they are."""
        self._record = record
        self._form = StoredForm(self._database, record.generation)
        self._model = BoundModel(record, self._form, self._load_encoder, encoder)
        self._documents = Documents(self._database, record)
        self._indexed = False

    def _reload(self) -> bool:
        """Read the record again, and return whether its generation or its index has changed."""
        before = self._record
        self._update(Collections(self._database).get(self.name))
        return self._record != before

    def _read(self, read: Callable[[], Read]) -> Read:
        """Return what is read; read once more where the generation was replaced meanwhile."""
        try:
            return read()
        except DatabaseError as error:
            gone = isinstance(error.__cause__, UndefinedTable)
            gone = gone or isinstance(error, GenerationChangedError)
            if not gone or not self._reload():
                raise
        return read()

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """Read the record again where a write finds its generation replaced, for the next call."""
        try:
            yield
        except GenerationChangedError:
            self._reload()
            raise

    def _update(self, record: CollectionRecord) -> None:
        """Work on a changed record: statements are compiled anew, for its index."""
        if record != self._record:
            self._use(record, self._model.loaded)
            self.__dict__.pop("_searcher", None)
            self.__dict__.pop("_unmatched", None)

    @cached_property
    def _unmatched(self) -> Unmatched:
        return Unmatched(self._database, self._record)

    def _warn_of_unmatched(self, filter: Filter, *, short: bool) -> None:
        """Warn of what no document has of what a filter asks for, where too few have passed."""
        if short and isinstance(filter, Mapping) and filter:
            for sentence in self._unmatched.sentences(filter):
                warnings.warn(sentence, FilterWarning, stacklevel=3)

    def _condition(self, filter: Filter) -> tuple[Any, dict[str, Any]]:
        wanted, values = split_filter(filter)
        if wanted is False:
            return None, {}
        return self._searcher.compiler.condition(wanted), values
