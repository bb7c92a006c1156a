"""A store: one database with embeddb's schema, and the collections in it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from types import TracebackType
from typing import TYPE_CHECKING, Any, Unpack

from embeddb.collection import Collection
from embeddb.config import DEFAULT_SCHEMA, Settings
from embeddb.db import embedded
from embeddb.db.database import Connection, Database, TransactionSource, describe_server
from embeddb.db.migrate import MigrationResult, check_revision, head, migrate_schema, migrate_within
from embeddb.db.pooled import PooledDatabase
from embeddb.diagnostics import doctor
from embeddb.diagnostics.findings import DoctorReport
from embeddb.diagnostics.jobs import JobQueue
from embeddb.diagnostics.status import StoreStatus, read_status
from embeddb.encoders.loader import EncoderLoader
from embeddb.encoders.settings import EncoderSettings
from embeddb.errors import CollectionExistsError, ConfigurationError, TransformError
from embeddb.pipeline.adoption import adopt, check_agreement
from embeddb.pipeline.conversion.forms import first_generation
from embeddb.pipeline.generation.advice import advise_distance
from embeddb.pipeline.generation.form import StoredForm
from embeddb.pipeline.generation.model import BoundModel
from embeddb.progress import shown
from embeddb.protocols import Encoder
from embeddb.repository.attached.adopt import check_column
from embeddb.repository.attached.attach import Attachments
from embeddb.repository.attached.resolve import SourceSpec
from embeddb.repository.attached.script import Script, as_text, write_attach, write_detach
from embeddb.repository.collections.collections import Collections
from embeddb.repository.queue.workers import WorkerInfo, Workers
from embeddb.repository.roles.grants import GrantReport, Grants
from embeddb.schema import dependencies
from embeddb.schema.catalog import CollectionRecord, Generation
from embeddb.schema.spec import EmbeddingFields, EmbeddingSpec, as_written

if TYPE_CHECKING:
    import sqlalchemy as sa
    from psycopg_pool import ConnectionPool
    from sqlalchemy import URL, Engine


def connect(
    dsn: str | URL | ConnectionPool[Any] | Engine | None = None,
    *,
    schema: str | None = None,
    prepare: bool = True,
) -> Store:
    """Open a store: connect to a database that has embeddb's schema.

    Args:
        dsn: a URL, libpq's or SQLAlchemy's; or a psycopg pool or a SQLAlchemy engine of your own.
            None: EMBEDDB_DSN, or else the embedded server in the user's data folder, started if
            need be.
        schema: where embeddb's tables are; None: EMBEDDB_SCHEMA, or `embeddb`.
        prepare: whether statements are prepared; False behind a transaction pooler.

    Raises:
        DatabaseUnavailableError: no server answers.
        UnsupportedServerError: Postgres or pgvector is missing or too old, or the database's
            encoding is SQL_ASCII.
        ConfigurationError: the URL is malformed.
        SchemaMissingError, SchemaOutdatedError: run `embeddb migrate` first. Connecting never
            changes the schema, so a role that may only SELECT can search. On the embedded server
            alone, embeddb's default schema is created, and one that is there is brought up to
            date.
        MissingDependencyError: no DSN, and the embedded server is not installed.
    """
    settings = Settings.from_environment()
    source = dsn or settings.dsn or start_embedded(settings, schema=schema)
    database = PooledDatabase(source, schema=schema or settings.schema, prepare=prepare)
    return Store(database, settings)


def migrate(
    dsn: str | URL | None = None, *, schema: str | None = None, revision: str = "head"
) -> MigrationResult:
    """Bring embeddb's own schema to a revision; safe to call from many processes at once.

    Raises:
        PermissionDeniedError: the role may not create the schema or the extension.
        MigrationError: a revision could not be applied; the schema is as it was.
    """
    settings = Settings.from_environment()
    url = dsn or settings.dsn or embedded.start(settings.data_dir).url
    return migrate_database(PooledDatabase(url, schema=schema or settings.schema), revision)


def migrate_database(database: Database, revision: str = "head") -> MigrationResult:
    """Bring a database's schema to a revision, and the search functions with it."""

    def refresh(connection: Connection) -> None:
        if revision == "head":
            Collections(database).create_functions(connection)

    return migrate_schema(database, revision, finish=refresh)


def migrate_in_transaction(database: TransactionSource, connection: sa.Connection) -> None:
    """Bring a database's schema to the newest revision in the transaction of a connection."""
    migrate_within(database, connection, finish=Collections(database).create_functions)


def start_embedded(settings: Settings, *, schema: str | None = None) -> str:
    """Start the embedded server, bring its schema up to date, and return its URL.

    That server is embeddb's own, so a schema that is there is kept up to date without asking, and
    the default one is created. Any other is left to `embeddb migrate`: its name may be mistyped.
    Whoever starts the server at the same time waits until the schema is there.
    """
    name = schema or settings.schema

    def run(url: str) -> None:
        with closing(PooledDatabase(url, schema=name)) as database:
            if name == DEFAULT_SCHEMA or _is_migrated(database):
                migrate_database(database)

    preparation = embedded.Preparation(stamp=f"schema {head()} {name!r}", run=run)
    return embedded.start(settings.data_dir, preparation=preparation).url


def _is_migrated(database: Database) -> bool:
    with closing(database.dedicated()) as connection:
        return describe_server(connection, database.schema).migration is not None


class Store:
    """A database with embeddb's schema; a context manager that closes its connections."""

    def __init__(self, database: Database, settings: Settings) -> None:
        self._database = database
        self._settings = settings
        self._catalog = Collections(database)
        self._encoder = EncoderLoader(EncoderSettings.of(settings))
        check_revision(database)

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

    @property
    def encoders(self) -> EncoderLoader:
        """The models that this store has loaded, by name; a worker on it uses the same."""
        return self._encoder

    def create_collection(
        self, name: str, *, exist_ok: bool = False, **fields: Unpack[EmbeddingFields]
    ) -> Collection:
        """Create a collection: its tables, its search function, its place in the catalog.

        Args:
            name: free text of at most 48 bytes.
            exist_ok: open the collection if it is there with the same model, dim, distance,
                storage, transform and layout.
            fields: what `EmbeddingSpec` takes. `model` is required: a preset, a path, a hub name,
                `openai:…`, an encoder or any callable, or None where every document brings its
                own vector of `dim` numbers. Optional are `distance`, `storage`, `transform`,
                `index`, `chunker`, `normalize`, `layout` and `partition_by`.

        Raises:
            InvalidNameError: Postgres or embeddb cannot take the name.
            CollectionExistsError: the name is taken, or with `exist_ok` what is there differs.
            IndexSpecError: the index contradicts itself, its storage or its distance.
            TransformError: the transform contradicts itself or what it is for.
            ConfigurationError: another argument is wrong.
            ModelNotFoundError: there is no such model.
        """
        generation, encoder = self._first_generation(EmbeddingSpec(**fields))
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
        metadata: Sequence[str] = (),
        where: str | None = None,
        exist_ok: bool = False,
        owner: str | None = None,
        depends_on: Mapping[str, str | Sequence[str]] | None = None,
        title_column: str | None = None,
        media_type: str | None = None,
        media_type_column: str | None = None,
        embedding_column: str | None = None,
        trust_vectors: bool = False,
        progress: bool = False,
        **fields: Unpack[EmbeddingFields],
    ) -> Collection:
        """Make a collection of a table that is there, and follow what is written to it.

        Triggers put what changed into a queue, in the application's own transactions; workers
        encode it, and the rows that are there already. See docs/attach.md.

        Args:
            source: the table, as SQL names it; it has a primary key.
            name: the collection's; None: the table's.
            text: columns, `title, body`, or a SQL expression over a row; a list is columns.
            metadata: columns that searches show and filter by.
            where: a SQL condition; rows that do not meet it take no part.
            exist_ok: where the collection is there, of the same model, make everything about its
                source anew as declared now, and look at every row again; what is encoded stays.
            owner: the chain of migrations that declares the collection; Alembic's operations give
                their version table. Autogenerate detaches only what its own chain declares.
            depends_on: the other tables that an expression reads by subqueries, and what leads from
                a row of each to the rows whose text reads it: the column or columns that hold their
                key, or a SELECT of their keys over the row, which goes by its table's name.
            title_column: the column whose text is put before each chunk of the row when it is
                encoded; None: `title`, if it is one of the metadata columns.
            media_type: what kind of documents the text's one column holds, such as `text/html` or
                `application/pdf`; workers parse them as files are parsed. The column may be bytea.
            media_type_column: the column that has the media type of each, in place of `media_type`.
            embedding_column: a column of pgvector's in which the rows have the model's vectors
                already. They are compared with the model on a sample, and taken before this
                returns; only rows without one are left to the workers. A collection that is there
                already takes none. See docs/move-in.md.
            trust_vectors: take them even if they are not what the model makes of the texts.
            progress: whether to show on stderr how many vectors are taken.
            fields: what `EmbeddingSpec` takes. `model` is required: a preset, a path, a hub name,
                `openai:…`, an encoder or any callable. Optional are `distance`, `storage`,
                `transform`, `index`, `chunker`, `normalize`, `layout` and `partition_by`; the
                last two name one of the metadata columns.

        Raises:
            AttachError: the table cannot be had: TableNotFoundError, NotATableError,
                NoPrimaryKeyError, ColumnNotFoundError, ExpressionError, EmbeddingColumnError.
            VectorsDisagreeError: the vectors of `embedding_column` are not the model's.
            PermissionDeniedError: the role lacks a privilege, on the table or in the schema.
            UnsupportedServerError: the server is older than PostgreSQL 15.
            InvalidNameError: Postgres or embeddb cannot take the name.
            CollectionExistsError: the name is taken, or with `exist_ok` what is there differs.
            IndexSpecError: the index contradicts itself, its storage or its distance.
            TransformError: the transform contradicts itself or what it is for.
            ConfigurationError: another argument is wrong.
            ModelNotFoundError: there is no such model.
        """
        spec = EmbeddingSpec(**fields)
        spec.check_metadata(metadata)
        generation, encoder = self._first_generation(spec)
        if encoder is None:
            raise ConfigurationError("The rows of a table bring no vectors: attach needs a model.")
        declaration = SourceSpec(
            source=source,
            text=text,
            metadata=tuple(metadata),
            where=where,
            owner=owner,
            depends_on=dependencies.parse(depends_on),
            title_column=title_column,
            media_type=media_type,
            media_type_column=media_type_column,
        )
        attachments = Attachments(self._database)
        if embedding_column is not None:
            draft = attachments.drafted(name, declaration, generation)
            if draft is None:
                embedding_column = None
            else:
                self._check_vectors(draft, embedding_column, encoder, trust=trust_vectors)
        try:
            record = attachments.attach(
                name, declaration, generation, embedding_column=embedding_column
            )
        except CollectionExistsError:
            if not exist_ok:
                raise
            wanted = name or attachments.default_name(declaration)
            there = self._existing(wanted, generation, encoder)
            record = attachments.reattach(there.record, declaration)
            embedding_column = None
        if embedding_column is not None:
            with shown(progress) as display:
                model = self._bound(record, encoder)
                adopt(self._database, record, model, embedding_column, display)
        return Collection(self._database, record, self._encoder, encoder)

    def attach_sql(
        self,
        source: str,
        *,
        name: str | None = None,
        text: str | Sequence[str],
        metadata: Sequence[str] = (),
        where: str | None = None,
        title_column: str | None = None,
        media_type: str | None = None,
        media_type_column: str | None = None,
        **fields: Unpack[EmbeddingFields],
    ) -> str:
        """Return the SQL that attaches a table, for migrations that others run; nothing is changed.

        The server is asked for the table's key and types. The SQL looks the rest up when it runs,
        so that it serves every database with such a table. It begins and commits nothing.

        Args:
            source: the table, as SQL names it; without a schema, the search_path finds it.
            name: the collection's; None: the table's.
            text: as `attach` takes it, but without subqueries.
            metadata: columns that searches show and filter by.
            where: a SQL condition; rows that do not meet it take no part.
            title_column: the column that is put before each chunk.
            media_type: what kind of documents the text's one column holds.
            media_type_column: the column that has the media type of each.
            fields: what `EmbeddingSpec` takes; `model` is required.

        Raises:
            AttachError, PermissionDeniedError: as `attach`.
            TransformError: the transform is kept as matrices, which no script can write.
            ConfigurationError: another argument is wrong.
        """
        spec = EmbeddingSpec(**fields)
        spec.check_metadata(metadata)
        if spec.model is None:
            raise ConfigurationError("The rows of a table bring no vectors: attach needs a model.")
        if spec.transform is not None and not spec.transform.needs_fit:
            raise TransformError(
                f"The transform {', '.join(spec.transform.words)} is kept in the database as "
                "matrices, which no script can write: attach without --sql."
            )
        declaration = SourceSpec(
            source=source,
            text=text,
            metadata=tuple(metadata),
            where=where,
            title_column=title_column,
            media_type=media_type,
            media_type_column=media_type_column,
        )
        found = Attachments(self._database).found(declaration)
        model = self._encoder(spec.model).info
        script = Script(self._database.schema, self._database.vector_schema(), model)
        generation = first_generation(script, spec, model)
        write_attach(script, name or found.table, found, generation, source)
        return as_text(script.statements)

    def detach_sql(self, name: str) -> str:
        """Return the SQL that detaches a collection, or drops it; nothing is asked or changed.

        It begins and commits nothing, and is refused where something of the application's depends
        on the collection.
        """
        script = Script(self._database.schema, self._database.vector_schema())
        write_detach(script, name)
        return as_text(script.statements)

    def detach(self, name: str) -> None:
        """Remove a collection that is attached to a table; the table is left as it was before.

        Raises:
            CollectionNotFoundError: there is none of that name.
            ConfigurationError: it is attached to no table; `drop_collection` removes it.
        """
        record = self._catalog.get(name)
        if record.source is None:
            raise ConfigurationError(
                f"Collection {name!r} is attached to no table; drop_collection({name!r}) removes "
                "it with its documents."
            )
        self._catalog.drop(name)

    def unfollow(self, name: str) -> None:
        """Take triggers and view off the table of an attached collection, for maintenance.

        Columns that it reads can change then. What is written to the table is not noticed, and
        searches fail, until `follow` is called. Vectors stay.

        Raises:
            CollectionNotFoundError: there is none of that name.
            ConfigurationError: it is attached to no table.
            PermissionDeniedError: the role may not.
        """
        Attachments(self._database).unfollow(self._attached(name))

    def follow(self, name: str) -> None:
        """Follow the table of an attached collection again, as it is now, after `unfollow`.

        Workers look at every row, and encode those whose text changed.

        Raises:
            CollectionNotFoundError: there is none of that name.
            ConfigurationError: it is attached to no table.
            AttachError: the table cannot be had any more.
            PermissionDeniedError: the role may not.
        """
        Attachments(self._database).follow(self._attached(name))

    def pause(self, name: str) -> None:
        """Have workers leave the queue of an attached collection alone, until `resume` is called.

        Changes are still noticed and wait; searches go on. A batch that a worker has at hand is
        finished.

        Raises:
            CollectionNotFoundError: there is none of that name.
            ConfigurationError: it is attached to no table.
            PermissionDeniedError: the role may not.
        """
        Attachments(self._database).pause(self._attached(name), paused=True)

    def resume(self, name: str) -> None:
        """Have workers work on a collection again that was paused.

        Raises:
            CollectionNotFoundError: there is none of that name.
            ConfigurationError: it is attached to no table.
            PermissionDeniedError: the role may not.
        """
        Attachments(self._database).pause(self._attached(name), paused=False)

    def _attached(self, name: str) -> CollectionRecord:
        record = self._catalog.get(name)
        if record.source is None:
            raise ConfigurationError(f"Collection {name!r} is attached to no table.")
        return record

    def collection(
        self, name: str, *, encoder: Encoder | Callable[..., Any] | None = None
    ) -> Collection:
        """Open a collection.

        Args:
            name: the collection's name.
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
        """Return every collection, in the order of their names."""
        return [Collection(self._database, record, self._encoder) for record in self._catalog.all()]

    def drop_collection(self, name: str) -> None:
        """Remove a collection with all its documents; a table that it is attached to stays.

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
        """Grant a role the privileges that it needs, and no others; see docs/roles.md.

        Args:
            kind: reader (searches), writer (writes embeddb's own collections), worker (encodes
                attached ones) or owner (migrates, creates, attaches, drops).
            role: a role that is there.
            collections: of these alone; None: of every one, those to come among them.
            with_source: also on the tables that collections are attached to, where a reader or
                a worker reads them; else the report says what their owners have to grant.
            dry_run: whether the statements are only reported, and none is run.

        Raises:
            ConfigurationError: there is no such role or kind, or it cannot be had of these.
            CollectionNotFoundError: there is no collection of that name.
            PermissionDeniedError: this is another role's to do.
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
        """Revoke what `grant` granted, except what the role needs for its other kinds.

        Args:
            kind: reader, writer, worker or owner: what the role is no longer.
            role: a role that is there.
            collections: of these alone; None: of every one, those to come among them.
            with_source: also on the tables that collections are attached to.
            dry_run: whether the statements are only reported, and none is run.

        Raises:
            ConfigurationError: there is no such role or kind, or it cannot be had of these.
            CollectionNotFoundError: there is no collection of that name.
            PermissionDeniedError: this is another role's to do.
        """
        return Grants(self._database).revoke(
            kind, role, collections, with_source=with_source, dry_run=dry_run
        )

    def sizes(self, name: str) -> tuple[int | None, int, int, int]:
        """Return the number of documents, of chunks, and the bytes of tables and of indexes.

        Documents are None where the view that reads those of an attached table is gone.

        Raises:
            CollectionNotFoundError: there is none of that name.
        """
        return self._catalog.sizes(self._catalog.get(name))

    def close(self) -> None:
        """Close the connections that are embeddb's own."""
        self._database.close()

    def _first_generation(self, spec: EmbeddingSpec) -> tuple[Generation, Encoder | None]:
        encoder = None if spec.model is None else self._encoder(spec.model)
        model = None if encoder is None else encoder.info
        if encoder is not None:
            advise_distance(encoder, spec.distance)
        return first_generation(self._database, spec, model), encoder

    def _bound(self, record: CollectionRecord, encoder: Encoder) -> BoundModel:
        form = StoredForm(self._database, record.generation)
        return BoundModel(record, form, self._encoder, encoder)

    def _check_vectors(
        self, draft: CollectionRecord, column: str, encoder: Encoder, *, trust: bool
    ) -> None:
        """Check that a column has the model's vectors, before anything is made."""
        assert draft.source is not None  # it is drafted for a table
        with self._database.transaction() as connection:
            check_column(connection, draft.source, column, draft.generation)
        model = self._bound(draft, encoder)
        check_agreement(self._database, draft, column, model, trust=trust)

    def _existing(self, name: str, wanted: Generation, encoder: Encoder | None) -> Collection:
        record = self._catalog.get(name)
        there = record.generation
        old, new = EmbeddingSpec.of(there), EmbeddingSpec.of(wanted)
        compared = {"dim": (there.dim, wanted.dim)} | {
            field: (getattr(old, field), getattr(new, field))
            for field in ("distance", "storage", "transform", "layout")
        }
        for field, (has, asked) in compared.items():
            if has != asked:
                raise CollectionExistsError(
                    f"There is a collection {name!r} with {field} {as_written(has)!r}, not "
                    f"{as_written(asked)!r}: drop it first, or choose another name."
                )
        return Collection(self._database, record, self._encoder, encoder)

    # how it is

    def doctor(self, *, models: bool = False) -> DoctorReport:
        """Check the server and every collection, and return what was found with its remedies.

        What is broken is a finding, not an error; `report.ok` says whether nothing is.

        Args:
            models: also load every collection's model, which takes seconds, and compare it with
                the one that the collection was made with.
        """
        load = self._encoder if models else None
        return doctor.examine(self._database, self._settings.data_dir, load_encoder=load)

    def status(self) -> StoreStatus:
        """Return the server, every collection with its sizes and its queue, and the workers.

        Raises:
            DatabaseUnavailableError: the server does not answer any more.
        """
        return read_status(self._database, self._settings.data_dir)

    @property
    def jobs(self) -> JobQueue:
        """The queue of attached collections: look at it, retry or remove rows that failed."""
        return JobQueue(self._database)

    @property
    def workers(self) -> list[WorkerInfo]:
        """The workers that are at work, as they last reported; each has `silent_seconds`."""
        return list(Workers(self._database).all())
