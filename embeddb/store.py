"""A store: one database with embeddb's schema, and the collections in it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal

from embeddb.chunkers import ChunkerSpec
from embeddb.collection import Collection
from embeddb.config import Settings
from embeddb.db import embedded
from embeddb.db.database import Connection, Database
from embeddb.db.migrate import MigrationResult, head, migrate_schema
from embeddb.encoders import EncoderSettings, load_encoder
from embeddb.errors import CollectionExistsError, ConfigurationError, SchemaOutdatedError
from embeddb.pipeline.conversion.forms import first_form
from embeddb.protocols import Encoder
from embeddb.repository.attached.attach import Attachments
from embeddb.repository.attached.resolve import SourceSpec
from embeddb.repository.collections.collections import Collections
from embeddb.repository.roles.grants import GrantReport, Grants
from embeddb.schema import layouts
from embeddb.schema.catalog import Generation, PendingForm
from embeddb.schema.distances import Distance
from embeddb.schema.indexes import HNSW, IVFPQ, IndexSpec, IVFFlat
from embeddb.schema.layouts import Layout
from embeddb.schema.storage import MAX_DIM, Storage
from embeddb.transforms import TransformSpec

if TYPE_CHECKING:
    from psycopg_pool import ConnectionPool
    from sqlalchemy import Engine

IndexChoice = IndexSpec | Literal["hnsw", "ivfflat", "ivfpq", "exact"] | None


def connect(
    dsn: str | ConnectionPool[Any] | Engine | None = None,
    *,
    schema: str | None = None,
    prepare: bool = True,
) -> Store:
    """Open a store.

    Args:
        dsn: a libpq URL, a psycopg pool or a SQLAlchemy engine of your own. None: EMBEDDB_DSN,
            or else the embedded server in the user's data folder, started if need be.
        schema: where embeddb's tables are; None: EMBEDDB_SCHEMA, or `embeddb`.
        prepare: whether statements are prepared; False behind a transaction pooler.

    Raises:
        DatabaseUnavailableError: no server answers.
        UnsupportedServerError: Postgres or pgvector is missing or too old.
        SchemaMissingError, SchemaOutdatedError: run `embeddb migrate` first. Connecting never
            changes the schema, so a role that may only SELECT can search.
        MissingDependencyError: no DSN, and the embedded server is not installed.
    """
    settings = Settings.from_environment()
    source = dsn or settings.dsn or start_embedded(settings, schema=schema)
    database = Database(source, schema=schema or settings.schema, prepare=prepare)
    return Store(database, settings)


def migrate(
    dsn: str | None = None, *, schema: str | None = None, revision: str = "head"
) -> MigrationResult:
    """Bring embeddb's own schema to a revision; safe to call from many processes at once.

    Raises:
        PermissionDeniedError: the role may not create the schema or the extension.
        MigrationError: a revision could not be applied; the schema is as it was.
    """
    settings = Settings.from_environment()
    url = dsn or settings.dsn or embedded.start(settings.data_dir).url
    return migrate_database(Database(url, schema=schema or settings.schema), revision)


def migrate_database(database: Database, revision: str = "head") -> MigrationResult:
    """Bring a database's schema to a revision, and the search functions with it."""

    def refresh(connection: Connection) -> None:
        if revision == "head":
            Collections(database).create_functions(connection)

    return migrate_schema(database, revision, finish=refresh)


def start_embedded(settings: Settings, *, schema: str | None = None) -> str:
    """Start the embedded server, bring its schema up to date, and give its URL.

    That server is embeddb's own: starting it is what `CREATE DATABASE` is elsewhere. Whoever
    asks at the same time waits until the schema is there.
    """
    name = schema or settings.schema

    def run(url: str) -> None:
        with closing(Database(url, schema=name)) as database:
            migrate_database(database)

    preparation = embedded.Preparation(stamp=f"schema {head()} {name!r}", run=run)
    return embedded.start(settings.data_dir, preparation=preparation).url


class Store:
    """A database with embeddb's schema; a context manager that closes its connections."""

    def __init__(self, database: Database, settings: Settings) -> None:
        self._database = database
        self._settings = settings
        self._catalog = Collections(database)
        self._encoders: dict[str, Encoder] = {}
        self._check_migration()

    def __repr__(self) -> str:
        return f"<Store {self._database!r}>"

    def __enter__(self) -> Store:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def url(self) -> str:
        """The libpq URL of the database, for any other client."""
        return self._database.url

    @property
    def database(self) -> Database:
        """The connections underneath."""
        return self._database

    def create_collection(
        self,
        name: str,
        *,
        model: str | Encoder | Callable[..., Any] | None,
        dim: int | None = None,
        distance: str = "cosine",
        storage: str = "vector",
        transform: str | Sequence[str] | None = None,
        index: IndexChoice = HNSW(),  # noqa: B008  # frozen
        chunker: str | dict[str, Any] | ChunkerSpec = "auto",
        normalize: bool = False,
        layout: Layout | None = None,
        partition_by: str | None = None,
        exist_ok: bool = False,
    ) -> Collection:
        """Create a collection: its tables, its search function, its place in the catalog.

        Args:
            name: free text of at most 48 bytes.
            model: a preset, a path, a hub name, `openai:…`, an encoder or any callable; None
                where every document brings its own vector.
            dim: dimensions of your own vectors, 1 to 16000; a model knows its own.
            distance: cosine, l2, inner_product or l1; hamming or jaccard for bits.
            storage: vector (float32), halfvec (float16), int8 (one byte a dimension) or bit (the
                signs alone).
            transform: what is done to vectors before they are stored, and to queries: normalize,
                rotation, rotation:pca, rotation:itq, pca:N, matryoshka:N, autoencoder:N, or
                several of them one after the other. What has to be learned is learned from the
                first documents: until there are enough, they are stored as they come.
            index: HNSW(…), IVFFlat(…), IVFPQ(…), or None for exact search. It is built after the
                first documents are in. Where pgvector cannot index so many dimensions, one that
                it can is chosen, with an IndexResolvedWarning.
            chunker: auto, none, text, markdown or code, or a ChunkerSpec.
            normalize: scale vectors to length 1, those of queries too.
            layout: how the chunks lie, by one field of the metadata that searches filter by:
                HashPartitions(…), ListPartitions(…) or PartialIndexes(…); see docs/partitions.md.
            partition_by: short for layout=HashPartitions(field, 16).
            exist_ok: open the collection if it is there with the same model, dim, distance,
                storage and layout.

        Raises:
            InvalidNameError, CollectionExistsError, IndexSpecError, TransformError,
            ConfigurationError, ModelNotFoundError.
        """
        encoder = None if model is None else self._encoder(model)
        plain = Generation(
            number=1,
            dim=_dim(dim, encoder),
            distance=Distance.named(distance),
            storage=Storage.named(storage),
            model=None if encoder is None else encoder.info,
            normalize=normalize,
            chunker=_chunker(chunker).to_json(),
            index=_index(index),
            state="active",
            layout=layouts.chosen(layout, partition_by),
        )
        generation = first_form(self._database, plain, TransformSpec.parse(transform))
        try:
            record = self._catalog.create(name, generation)
        except CollectionExistsError:
            if not exist_ok:
                raise
            return self._existing(name, generation, encoder)
        return Collection(self._database, record, self._encoder, encoder)

    def attach(
        self,
        source: str,
        *,
        name: str | None = None,
        text: str | Sequence[str],
        model: str | Encoder | Callable[..., Any],
        metadata: Sequence[str] = (),
        where: str | None = None,
        distance: str = "cosine",
        storage: str = "vector",
        transform: str | Sequence[str] | None = None,
        index: IndexChoice = HNSW(),  # noqa: B008  # frozen
        chunker: str | dict[str, Any] | ChunkerSpec = "auto",
        layout: Layout | None = None,
        partition_by: str | None = None,
        exist_ok: bool = False,
    ) -> Collection:
        """Make a collection of a table that is there, and follow what is written to it.

        Triggers put what changed into a queue, in the application's own transactions; workers
        encode it, the rows that are there already among them. See docs/attach.md.

        Args:
            source: the table, as SQL names it; it has a primary key.
            name: the collection's; None: the table's.
            text: columns, `title, body`, or a SQL expression over a row; a list is columns.
            model: a preset, a path, a hub name, `openai:…`, an encoder or any callable.
            metadata: columns that searches show and filter by.
            where: a SQL condition; rows that do not meet it take no part.
            distance: as in `create_collection`, and so are the next four.
            storage: the kind of column.
            transform: what is done to vectors before they are stored.
            index: the vector index.
            chunker: how texts are cut.
            layout: how the chunks lie, by one of the metadata columns.
            partition_by: short for layout=HashPartitions(column, 16).
            exist_ok: where the collection is there, of the same model, make everything about its
                source anew as declared now, and look at every row again; what is encoded stays.

        Raises:
            AttachError: the table cannot be had: TableNotFoundError, NotATableError,
                NoPrimaryKeyError, ColumnNotFoundError, ExpressionError.
            InvalidNameError, CollectionExistsError, PermissionDeniedError, IndexSpecError,
            TransformError, ConfigurationError, ModelNotFoundError, UnsupportedServerError.
        """
        encoder = self._encoder(model)
        chosen = layouts.chosen(layout, partition_by)
        if chosen is not None and chosen.field not in metadata:
            raise ConfigurationError(
                f"The collection is laid out by {chosen.field!r}: name that column in metadata."
            )
        plain = Generation(
            number=1,
            dim=_dim(None, encoder),
            distance=Distance.named(distance),
            storage=Storage.named(storage),
            model=encoder.info,
            normalize=False,
            chunker=_chunker(chunker).to_json(),
            index=_index(index),
            state="active",
            layout=chosen,
        )
        generation = first_form(self._database, plain, TransformSpec.parse(transform))
        declaration = SourceSpec(source=source, text=text, metadata=tuple(metadata), where=where)
        attachments = Attachments(self._database)
        try:
            record = attachments.attach(name, declaration, generation)
        except CollectionExistsError:
            if not exist_ok:
                raise
            wanted = name or attachments.default_name(declaration)
            there = self._existing(wanted, generation, encoder)
            record = attachments.reattach(there.record, declaration)
        return Collection(self._database, record, self._encoder, encoder)

    def detach(self, name: str) -> None:
        """Remove a collection that is attached; its table is as it was before.

        Raises:
            CollectionNotFoundError: there is none of that name.
            ConfigurationError: it has documents of its own, which `drop_collection` removes.
        """
        record = self._catalog.get(name)
        if record.source is None:
            raise ConfigurationError(
                f"Collection {name!r} is attached to no table; drop_collection({name!r}) removes "
                "it with its documents."
            )
        self._catalog.drop(name)

    def collection(
        self, name: str, *, encoder: Encoder | Callable[..., Any] | None = None
    ) -> Collection:
        """Open a collection.

        Args:
            name: its name.
            encoder: needed where it was created with an object or a callable, which no name
                can load again.

        Raises:
            CollectionNotFoundError: there is none of that name.
            ModelMismatchError: the encoder is another model.
        """
        record = self._catalog.get(name)
        own = None if encoder is None else self._encoder(encoder)
        return Collection(self._database, record, self._encoder, own)

    def collections(self) -> list[Collection]:
        """Give every collection, by name."""
        return [Collection(self._database, record, self._encoder) for record in self._catalog.all()]

    def drop_collection(self, name: str) -> None:
        """Remove a collection with all its documents; what it is attached to stays as it is.

        Raises:
            CollectionNotFoundError: there is none of that name.
        """
        self._catalog.drop(name)

    def grant(
        self,
        kind: str,
        role: str,
        collections: Sequence[str] | None = None,
        *,
        with_source: bool = False,
        dry_run: bool = False,
    ) -> GrantReport:
        """Give a role the rights that it needs, and no others; see docs/roles.md.

        Args:
            kind: reader (searches), writer (writes embeddb's own collections), worker (encodes
                attached ones) or owner (migrates, creates, attaches, drops).
            role: a role that is there.
            collections: of these alone; None: of every one, those to come among them.
            with_source: also on the tables that collections are attached to, where a reader or
                a worker reads them; else the report says what their owners have to give.
            dry_run: report the statements, and run none.

        Raises:
            ConfigurationError, CollectionNotFoundError, PermissionDeniedError.
        """
        return Grants(self._database).grant(
            kind, role, collections, with_source=with_source, dry_run=dry_run
        )

    def revoke(
        self,
        kind: str,
        role: str,
        collections: Sequence[str] | None = None,
        *,
        with_source: bool = False,
        dry_run: bool = False,
    ) -> GrantReport:
        """Take what `grant` gave, but for what the role needs as what else it is.

        Raises:
            ConfigurationError, CollectionNotFoundError, PermissionDeniedError.
        """
        return Grants(self._database).revoke(
            kind, role, collections, with_source=with_source, dry_run=dry_run
        )

    def sizes(self, name: str) -> tuple[int | None, int, int, int]:
        """Count a collection's documents and chunks, and the bytes of its tables and indexes."""
        return self._catalog.sizes(self._catalog.get(name))

    def close(self) -> None:
        """Close the connections that are embeddb's own."""
        self._database.close()

    def _check_migration(self) -> None:
        found = self._database.server.migration
        if found != (wanted := head()):
            raise SchemaOutdatedError(
                f"The schema {self._database.schema!r} is at revision {found} and this embeddb "
                f"needs {wanted}: run `embeddb migrate`"
                + (", or upgrade the package." if (found or "") > wanted else ".")
            )

    def _encoder(self, model: str | Encoder | Callable[..., Any]) -> Encoder:
        if not isinstance(model, str):
            return load_encoder(model, settings=EncoderSettings.of(self._settings))
        if model not in self._encoders:
            self._encoders[model] = load_encoder(model, settings=EncoderSettings.of(self._settings))
        return self._encoders[model]

    def _existing(self, name: str, wanted: Generation, encoder: Encoder | None) -> Collection:
        record = self._catalog.get(name)
        there = record.generation
        old_form, new_form = (form.wanted or form for form in (there, wanted))
        for label, old, new in (
            ("dim", there.dim, wanted.dim),
            ("distance", there.distance.label, wanted.distance.label),
            ("storage", old_form.storage.label, new_form.storage.label),
            ("transform", _words(old_form), _words(new_form)),
            ("layout", there.layout, wanted.layout),
        ):
            if old != new:
                raise CollectionExistsError(
                    f"There is a collection {name!r} with {label} {old!r}, not {new!r}: drop it "
                    "first, or choose another name."
                )
        return Collection(self._database, record, self._encoder, encoder)


def _words(form: Generation | PendingForm) -> tuple[str, ...]:
    if isinstance(form, PendingForm):
        return form.transform
    return form.transform.words if form.transform else ()


def _dim(dim: int | None, encoder: Encoder | None) -> int:
    if encoder is None and dim is None:
        raise ConfigurationError("Without a model, say how long your vectors are: dim=….")
    known = dim if encoder is None else encoder.info.dim
    if dim is not None and dim != known:
        raise ConfigurationError(f"The model has {known} dimensions, not {dim}: leave dim out.")
    if not isinstance(known, int) or not 1 <= known <= MAX_DIM:
        raise ConfigurationError(f"dim must be from 1 to {MAX_DIM}, not {known!r}.")
    return known


def _index(index: IndexChoice) -> IndexSpec | None:
    match index:
        case None | HNSW() | IVFFlat() | IVFPQ():
            return index
        case "exact":
            return None
        case "hnsw":
            return HNSW()
        case "ivfflat":
            return IVFFlat()
        case "ivfpq":
            return IVFPQ()
    raise ConfigurationError(
        f"index is {index!r}; give embeddb.HNSW(…), embeddb.IVFFlat(…), embeddb.IVFPQ(…), or None "
        "for exact search."
    )


def _chunker(chunker: str | dict[str, Any] | ChunkerSpec) -> ChunkerSpec:
    return chunker if isinstance(chunker, ChunkerSpec) else ChunkerSpec.from_json(chunker)
