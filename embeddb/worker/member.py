"""A collection that a worker works for, opened when it is first needed."""

from __future__ import annotations

from dataclasses import dataclass
from threading import Lock

from psycopg import sql
from tokenizers import Tokenizer

from embeddb.chunkers import ChunkerSpec, make_chunker
from embeddb.db.queries import query
from embeddb.errors import CollectionNotFoundError, ConfigurationError, PermissionDeniedError
from embeddb.pipeline.bound_model import BoundModel
from embeddb.pipeline.prepare import Preparer
from embeddb.pipeline.stored_form import StoredForm
from embeddb.protocols import Chunker, Encoder
from embeddb.repository.collections import Collections
from embeddb.repository.documents import Documents
from embeddb.repository.source_rows import AttachedChunks, SourceRows
from embeddb.schema.attached import AttachedSource
from embeddb.schema.catalog import CollectionRecord
from embeddb.store import Store
from embeddb.worker.backoff import Backoff


@dataclass(frozen=True, kw_only=True, slots=True)
class Opened:
    """One generation of a collection, with its model loaded."""

    record: CollectionRecord
    encoder: Encoder
    form: StoredForm
    rows: SourceRows
    chunks: AttachedChunks
    documents: Documents
    chunker: Chunker
    tokenizer: Tokenizer | None
    capacity: int | None

    @classmethod
    def of(cls, store: Store, record: CollectionRecord, model: BoundModel) -> Opened:
        """Load the model, and make the stages.

        Raises:
            ModelError, MissingDependencyError: the model cannot be loaded, or is another one.
            ConfigurationError: the collection has none.
            PermissionDeniedError: row-level security may hide rows from this role.
        """
        if record.source is None:
            raise ConfigurationError(f"Collection {record.name!r} is not attached to a table.")
        _check_sight(store, record, record.source)
        tokenizer, capacity = model.tokenizer(), model.capacity()
        spec = ChunkerSpec.from_json(record.generation.chunker)
        database = store.database
        return cls(
            record=record,
            encoder=model.encoder,
            form=StoredForm(database, record.generation),
            rows=SourceRows(database, record),
            chunks=AttachedChunks(database, record),
            documents=Documents(database, record),
            chunker=make_chunker(spec, tokenizer, capacity),
            tokenizer=tokenizer,
            capacity=capacity,
        )

    def preparer(self) -> Preparer:
        """Make what cuts one batch of documents."""
        return Preparer(
            self.documents,
            self.record.generation,
            self.form,
            chunker=self.chunker,
            tokenizer=self.tokenizer,
            capacity=self.capacity,
            fresh=True,  # what is stored is compared chunk by chunk, later
            strict=False,
        )


def _check_sight(store: Store, record: CollectionRecord, source: AttachedSource) -> None:
    """Refuse to work where a row that is hidden would look like one that was deleted."""
    tables = [(source.schema, source.table), (record.tables.schema, record.tables.chunks_name)]
    names = [sql.Identifier(*name).as_string() for name in tables]
    with store.database.connection() as connection:
        rows = connection.execute(query("jobs.row_security"), {"tables": names}).fetchall()
    if hidden := [row[0] for row in rows]:
        raise PermissionDeniedError(
            f"Row-level security of {' and '.join(hidden)} may hide rows from this role, and what "
            "a worker does not see it would remove: run it as a role with BYPASSRLS, or as the "
            "tables' owner."
        )


class Member:
    """A collection that a worker works for.

    Attributes:
        backoff: the pauses of the collection as a whole, while its model or its source is away.
        problem: why it is put off; None: it is not.
        gone: it was dropped, or taken off its table.
        given_up: a worker that is to end does not wait for it any more.
        indexed: its indexes are built, as far as is known.
    """

    def __init__(
        self,
        id: int,
        record: CollectionRecord,
        *,
        retry_seconds: float,
        cap_seconds: float,
        encoder: Encoder | None = None,
    ) -> None:
        self.id = id
        self.name = record.name
        self.backoff = Backoff(base_seconds=retry_seconds, cap_seconds=cap_seconds)
        self.problem: str | None = None
        self.given_up = False
        self.gone = False
        self.indexed = False
        self._record = record
        self._encoder = encoder
        self._opened: Opened | None = None
        self._lock = Lock()

    @property
    def record(self) -> CollectionRecord:
        """What the catalog tells of the collection."""
        return self._record

    def refresh(self, record: CollectionRecord) -> None:
        """Take what the catalog tells now; what was opened of another generation is let go."""
        with self._lock:
            if record != self._record:
                self._record = record
                self._opened = None
                self.indexed = False

    def reload(self, store: Store) -> None:
        """Read the catalog anew: the collection was converted, or is gone."""
        try:
            self.refresh(Collections(store.database).get(self.name))
        except CollectionNotFoundError:
            self.gone = True

    def open(self, store: Store) -> Opened:
        """Give the collection with its model loaded.

        Raises:
            What `Opened.of` raises.
        """
        with self._lock:
            if self._opened is None:
                model = bound_model(store, self._record, self._encoder)
                self._opened = Opened.of(store, self._record, model)
            return self._opened


def bound_model(
    store: Store, record: CollectionRecord, encoder: Encoder | None = None
) -> BoundModel:
    """Give a collection's model; it is loaded once for all collections that have it."""
    form = StoredForm(store.database, record.generation)
    return BoundModel(record, form, lambda _: store.collection(record.name).encoder, encoder)
