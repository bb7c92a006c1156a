"""A collection that a worker works for, and what is loaded for it when it is first needed."""

from __future__ import annotations

from dataclasses import dataclass
from threading import Lock

from tokenizers import Tokenizer

from embeddb.chunkers import ChunkerSpec, make_chunker
from embeddb.db.database import Database
from embeddb.errors import CollectionNotFoundError, ConfigurationError
from embeddb.pipeline.generation.form import StoredForm
from embeddb.pipeline.generation.model import BoundModel
from embeddb.pipeline.ingest.prepare import Preparer
from embeddb.protocols import Chunker, Encoder
from embeddb.repository.attached.rows import AttachedChunks, SourceRows
from embeddb.repository.catalog.reader import CatalogReader
from embeddb.repository.collections.documents import Documents
from embeddb.schema.attached_ddl import source_of
from embeddb.schema.catalog import CollectionRecord
from embeddb.schema.chunkers import TITLE
from embeddb.worker.backoff import Backoff
from embeddb.worker.models import Models


@dataclass(frozen=True, kw_only=True, slots=True)
class LoadedCollection:
    """One generation of a collection, with its model loaded and its stages made."""

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
    def of(
        cls, database: Database, record: CollectionRecord, model: BoundModel
    ) -> LoadedCollection:
        """Load the model, and make the stages.

        Raises:
            ModelError, MissingDependencyError: the model cannot be loaded, or is another one.
            ConfigurationError: the collection has none, or is not attached to a table.
        """
        if record.source is None:
            raise ConfigurationError(f"Collection {record.name!r} is not attached to a table.")
        tokenizer, capacity = model.tokenizer(), model.capacity()
        spec = ChunkerSpec.stored(record.generation.chunker)
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
        """Return what cuts one batch of documents into chunks."""
        source = source_of(self.record)
        return Preparer(
            self.documents,
            self.record.generation,
            self.form,
            chunker=self.chunker,
            tokenizer=self.tokenizer,
            capacity=self.capacity,
            fresh=True,  # what is stored is compared later, chunk by chunk
            strict=False,
            title_field=source.title_column or TITLE,
        )


class WorkerCollection:
    """A collection that a worker works for.

    Attributes:
        id: its id in the catalog.
        name: its name.
        backoff: the pauses of the collection as a whole, while its model or its source is away.
        error: why it is postponed; None where it is not.
        gone: it was dropped, or detached from its table.
        given_up: a worker that is to end does not wait for it any more.
        indexed: its indexes are built as far as is known, or left to the owner of its tables.
        privileges_checked_at: when the role was last seen to have all privileges that the work
            takes, by the monotonic clock.
    """

    def __init__(
        self, id: int, record: CollectionRecord, *, retry_seconds: float, cap_seconds: float
    ) -> None:
        self.id = id
        self.name = record.name
        self.backoff = Backoff(base_seconds=retry_seconds, cap_seconds=cap_seconds)
        self.error: str | None = None
        self.given_up = False
        self.gone = False
        self.indexed = False
        self.privileges_checked_at = float("-inf")
        self._record = record
        self._loaded: LoadedCollection | None = None
        self._lock = Lock()

    @property
    def record(self) -> CollectionRecord:
        """The collection as the catalog had it when it was last read."""
        return self._record

    @property
    def is_due(self) -> bool:
        """Whether it may be worked for now."""
        return not self.given_up and not self.gone and self.backoff.wait_seconds == 0

    def refresh(self, record: CollectionRecord) -> None:
        """Take what the catalog has now; what was loaded of another generation is let go."""
        with self._lock:
            if record != self._record:
                self._record = record
                self._loaded = None
                self.indexed = False

    def reload(self, database: Database) -> None:
        """Read the catalog anew: the collection was converted, or is gone."""
        try:
            self.refresh(CatalogReader(database).get(self.name))
        except CollectionNotFoundError:
            self.gone = True

    def load(self, database: Database, models: Models) -> LoadedCollection:
        """Return the collection with its model loaded, the same one until the catalog changes.

        Raises:
            ModelError, MissingDependencyError: the model cannot be loaded, or is another one.
            ConfigurationError: the collection has none, or is not attached to a table.
        """
        with self._lock:
            if self._loaded is None:
                model = models.bound(self._record)
                self._loaded = LoadedCollection.of(database, self._record, model)
            return self._loaded
