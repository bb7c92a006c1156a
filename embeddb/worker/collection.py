"""A collection that a worker works for, opened when it is first needed."""

from __future__ import annotations

from dataclasses import dataclass
from threading import Lock

from tokenizers import Tokenizer

from embeddb.chunkers import ChunkerSpec, make_chunker
from embeddb.errors import CollectionNotFoundError, ConfigurationError
from embeddb.pipeline.generation.form import StoredForm
from embeddb.pipeline.generation.model import BoundModel
from embeddb.pipeline.ingest.prepare import Preparer
from embeddb.protocols import Chunker, Encoder
from embeddb.repository.attached.rows import AttachedChunks, SourceRows
from embeddb.repository.collections.collections import Collections
from embeddb.repository.collections.documents import Documents
from embeddb.schema.catalog import CollectionRecord
from embeddb.store import Store
from embeddb.worker.backoff import Backoff


@dataclass(frozen=True, kw_only=True, slots=True)
class LoadedCollection:
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
    def of(cls, store: Store, record: CollectionRecord, model: BoundModel) -> LoadedCollection:
        """Load the model, and make the stages.

        Raises:
            ModelError, MissingDependencyError: the model cannot be loaded, or is another one.
            ConfigurationError: the collection has none.
        """
        if record.source is None:
            raise ConfigurationError(f"Collection {record.name!r} is not attached to a table.")
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


class WorkerCollection:
    """A collection that a worker works for.

    Attributes:
        backoff: the pauses of the collection as a whole, while its model or its source is away.
        problem: why it is put off; None: it is not.
        gone: it was dropped, or taken off its table.
        given_up: a worker that is to end does not wait for it any more.
        indexed: its indexes are built, as far as is known, or left to the owner of its tables.
        permitted_at: when the role was last seen to be allowed all that the work takes, by the
            monotonic clock.
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
        self.permitted_at = float("-inf")
        self._record = record
        self._encoder = encoder
        self._opened: LoadedCollection | None = None
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

    def open(self, store: Store) -> LoadedCollection:
        """Give the collection with its model loaded.

        Raises:
            What `LoadedCollection.of` raises.
        """
        with self._lock:
            if self._opened is None:
                model = bound_model(store, self._record, self._encoder)
                self._opened = LoadedCollection.of(store, self._record, model)
            return self._opened


def bound_model(
    store: Store, record: CollectionRecord, encoder: Encoder | None = None
) -> BoundModel:
    """Give a collection's model; it is loaded once for all collections that have it."""
    form = StoredForm(store.database, record.generation)
    return BoundModel(record, form, lambda _: store.collection(record.name).encoder, encoder)
