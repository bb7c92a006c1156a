"""Attaching collections to tables of the application's, and detaching them again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

from psycopg import errors as pg
from psycopg import sql
from psycopg.types.json import Jsonb

from embeddb.db.database import Connection, TransactionSource
from embeddb.db.queries import Name, query
from embeddb.errors import (
    AttachError,
    CollectionExistsError,
    ConfigurationError,
    DatabaseError,
    EmbedDBError,
    UnsupportedServerError,
)
from embeddb.repository.attached.adopt import Adoptions
from embeddb.repository.attached.reconcile import request
from embeddb.repository.attached.resolve import (
    Resolved,
    SourceSpec,
    check_name_free,
    check_privileges,
    resolve,
)
from embeddb.repository.collections.chunks_view import ChunksView
from embeddb.repository.collections.collections import Collections
from embeddb.repository.collections.functions import Functions
from embeddb.repository.roles.privileges import Privileges
from embeddb.schema import attached_ddl, dependency_ddl
from embeddb.schema.attached import SourceTable
from embeddb.schema.catalog import CollectionRecord, Generation
from embeddb.schema.chunkers import ChunkerSpec
from embeddb.schema.keys import same_texts
from embeddb.schema.names import check_name, tables

OLDEST_POSTGRES = 150000
"""Views that are read as the caller came with PostgreSQL 15."""

LOCK_TIMEOUT_MS = 10_000
"""A trigger is created when no writer is in the middle of something; those who come meanwhile
wait as well, so this must not take long."""


class Attachments:
    """The collections of one database whose source is a table of the application's."""

    def __init__(self, database: TransactionSource) -> None:
        self._database = database
        self._catalog = Collections(database)
        self._names: dict[str, sql.Composable] = {
            table: Name(database.schema, table)
            for table in ("collections", "jobs", "failed_jobs", "backfills")
        }

    def attach(
        self,
        name: str | None,
        declaration: SourceSpec,
        generation: Generation,
        *,
        embedding_column: str | None = None,
    ) -> CollectionRecord:
        """Create a collection over a table and queue its rows, all or nothing.

        With `embedding_column`, the rows are to keep the vectors of that column.

        Raises:
            AttachError: the table cannot be had; its subclasses say why.
            InvalidNameError, CollectionExistsError: the name cannot be had.
            PermissionDeniedError: the role may not.
            UnsupportedServerError: the server is older than PostgreSQL 15.
        """
        with self._attaching() as connection:
            resolved = self._resolve(connection, declaration)
            chosen = check_name(name or resolved.source.table)
            record = CollectionRecord(
                name=chosen,
                tables=tables(self._database.schema, chosen, generation.number),
                generation=generation,
                source=resolved.source,
            )
            _check_titled(record)
            try:
                self.attach_as(connection, record, resolved)
                if embedding_column is not None:
                    Adoptions(self._database).mark(connection, record, embedding_column)
            except (pg.DuplicateObject, pg.DuplicateFunction, pg.DuplicateTable) as error:
                raise check_name_free(error, chosen) from error
        return record

    def attach_as(
        self, connection: Connection, record: CollectionRecord, resolved: Resolved
    ) -> None:
        """Create everything of a collection whose source is known, in the caller's transaction."""
        connection.execute(query("attach.plain_path"), {})
        self._catalog.create_on(connection, record)
        self._follow(connection, record, resolved)
        request(connection, self._database.schema, record.name, is_same=True)

    def drafted(
        self, name: str | None, declaration: SourceSpec, generation: Generation
    ) -> CollectionRecord | None:
        """Return a collection as it would be attached; None where there is one of its name."""
        with self._database.transaction() as connection:
            source = self._resolve(connection, declaration).source
        chosen = check_name(name or source.table)
        if any(record.name == chosen for record in self._catalog.all()):
            return None
        return CollectionRecord(
            name=chosen,
            tables=tables(self._database.schema, chosen, generation.number),
            generation=generation,
            source=source,
        )

    def found(self, declaration: SourceSpec) -> SourceTable:
        """Return the source of a declaration, as it is; nothing is changed.

        Raises:
            AttachError: the table cannot be had; its subclasses say why.
        """
        with self._database.transaction() as connection:
            return self._resolve(connection, declaration).source

    def default_name(self, declaration: SourceSpec) -> str:
        """Return the name that a collection gets by default: its table's."""
        return self.found(declaration).table

    def reattach(self, record: CollectionRecord, declaration: SourceSpec) -> CollectionRecord:
        """Replace everything about a source with what is declared now, and look at every row again.

        What is encoded stays: rows whose text is the same are not encoded again.

        Raises:
            AttachError: the table cannot be had, or has another primary key now.
        """
        with self._attaching() as connection:
            resolved = self._resolve(connection, declaration)
            if record.source is None:
                raise CollectionExistsError(
                    f"There is a collection {record.name!r} with documents of its own: choose "
                    "another name."
                )
            before = record.source
            if declaration.owner is None:
                resolved = replace(resolved, source=replace(resolved.source, owner=before.owner))
            if not same_texts(before.keys, resolved.source.keys):
                raise AttachError(
                    f"The primary key of {resolved.source.table_text} is not the one that "
                    f"collection {record.name!r} was attached by: detach it, and attach it anew."
                )
            changed = replace(record, source=resolved.source)
            _check_titled(changed)
            connection.execute(query("attach.plain_path"), {})
            Functions(self._database).drop_search(connection, record)
            self._unfollow(connection, record)
            # nobody reads the old view from here on, and what was read of it is not written; later
            # chunks are locked, and a worker that is writing some would wait for us, and we for it
            connection.execute(query("attach.take_back_jobs", **self._names), {"name": record.name})
            connection.execute(
                query("attach.set_source", **self._names),
                {"name": record.name, "source": Jsonb(resolved.source.to_json())},
            )
            if resolved.source.keys != before.keys:
                self._retype(connection, changed, before)
            connection.execute(attached_ddl.view(changed))
            Functions(self._database).create_search(connection, changed)
            self._set_policy(connection, changed)
            self._follow(connection, changed, resolved)
            # while nobody followed the table, rows may have gone that still have chunks
            request(connection, self._database.schema, record.name)
        return changed

    def unfollow(self, record: CollectionRecord) -> None:
        """Remove triggers and view, so that the source can change; `reattach` puts them back."""
        with self._attaching() as connection:
            self._unfollow(connection, record)

    def follow(self, record: CollectionRecord) -> CollectionRecord:
        """Create triggers and view again, for the table as it is now, and look at every row.

        Raises:
            AttachError: the table cannot be had, or has another primary key now.
        """
        return self.reattach(record, declaration_of(attached_ddl.source_of(record)))

    def pause(self, record: CollectionRecord, *, paused: bool) -> None:
        """Have workers leave the queue of a collection alone, or work on it again."""
        with self._database.transaction() as connection:
            values = {"name": record.name, "paused": paused}
            connection.execute(query("attach.pause", **self._names), values)

    def detach(self, record: CollectionRecord) -> None:
        """Remove a collection; the source is left as it was before it was attached."""
        self._catalog.drop(record.name)

    def _follow(self, connection: Connection, record: CollectionRecord, resolved: Resolved) -> None:
        """Create the triggers, and have the workers look at every row that is there."""
        for statement in attached_ddl.triggers(record, resolved.followed):
            connection.execute(statement)
        for statement in dependency_ddl.triggers(record, resolved.dependents):
            connection.execute(statement)
        connection.execute(query("attach.add_backfill", **self._names), {"name": record.name})

    def _unfollow(self, connection: Connection, record: CollectionRecord) -> None:
        drop_followers(connection, record)
        # it reads the key's columns, too; without a policy, security hides every chunk
        for each in self._catalog.generations_on(connection, record.name):
            connection.execute(query("attach.drop_policy_itself", chunks=each.tables.chunks), {})
        view = query("attach.drop_view", view=record.tables.documents)
        connection.execute(view, {})

    def _retype(
        self, connection: Connection, record: CollectionRecord, before: SourceTable
    ) -> None:
        """Change the columns of the key that chunks have to the types that the source's have now.

        Postgres writes each table of chunks anew, with its indexes.
        """
        view = ChunksView(self._database)
        view.drop(connection, replace(record, source=before))
        for each in self._catalog.generations_on(connection, record.name):
            for statement in attached_ddl.retyped(replace(each, source=record.source), before):
                connection.execute(statement)
        view.create(connection, record)

    def _set_policy(self, connection: Connection, record: CollectionRecord) -> None:
        """Hide the chunks of hidden rows in every generation, or stop hiding them."""
        for each in self._catalog.generations_on(connection, record.name):
            for block in ("drop_policy", "drop_policy_itself"):
                connection.execute(query("attach." + block, chunks=each.tables.chunks), {})
            followed = replace(each, source=record.source)
            if attached_ddl.source_of(record).row_security:
                connection.execute(attached_ddl.policy(followed), prepare=False)
            Privileges(self._database.schema).follow(connection, followed)

    def _resolve(self, connection: Connection, declaration: SourceSpec) -> Resolved:
        check_privileges(connection, self._database.schema)
        return resolve(connection, self._database.schema, declaration)

    @contextmanager
    def _attaching(self) -> Iterator[Connection]:
        limit = {"milliseconds": str(LOCK_TIMEOUT_MS)}
        try:
            with self._database.transaction() as connection:
                if connection.info.server_version < OLDEST_POSTGRES:
                    raise UnsupportedServerError(
                        "Attaching to a table needs PostgreSQL 15 or newer: before it no view is "
                        "read as the caller, so row-level security would be lost."
                    )
                connection.execute(query("attach.lock_timeout"), limit)
                yield connection
        except EmbedDBError as error:
            if not isinstance(error.__cause__, pg.LockNotAvailable):
                raise
            raise DatabaseError(
                f"The table was in use by a longer transaction for {LOCK_TIMEOUT_MS // 1000} "
                "seconds, and nothing was changed: try again when that has ended."
            ) from error.__cause__


def drop_followers(connection: Connection, record: CollectionRecord) -> None:
    """Remove the functions that follow a source, and their triggers wherever these are now."""
    for name in attached_ddl.follower_names(record):
        function = Name(record.tables.schema, name)
        connection.execute(query("attach.drop_trigger_function", function=function), {})


def _check_titled(record: CollectionRecord) -> None:
    """Check that a title is put before chunks at all where a column is declared for it."""
    title = attached_ddl.source_of(record).title_column
    if title is not None and not ChunkerSpec.stored(record.generation.chunker).reads_title:
        raise ConfigurationError(
            f"The chunks of {record.name!r} have no context, so the title in column {title} would "
            "be left out: leave out title_column, or cut by another chunker, with the context "
            "'headings'. A collection that is there keeps its chunker: detach it first."
        )


def declaration_of(source: SourceTable) -> SourceSpec:
    """Return what a source was declared as."""
    text: str | Sequence[str] = source.text if source.text is not None else source.expression or ""
    return SourceSpec(
        source=attached_ddl.table(source).as_string(),
        text=text,
        metadata=source.metadata,
        where=source.where,
        owner=source.owner,
        depends_on=tuple((one.source, one.reference) for one in source.dependencies),
        title_column=source.title_column,
        media_type=source.media_type,
        media_type_column=source.media_type_column,
    )
