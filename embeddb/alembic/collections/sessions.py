"""Which connection an operation on a collection works on: the migration's, or one of its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import psycopg
from alembic.util import CommandError
from sqlalchemy.pool import NullPool, QueuePool

from embeddb.alembic.held import REMEDY, is_held_open, outside
from embeddb.config import Settings
from embeddb.db.borrowed import address_of, borrow
from embeddb.db.pooled import PooledDatabase
from embeddb.db.queries import query
from embeddb.db.shared import SharedDatabase
from embeddb.errors import CollectionNotFoundError, ConfigurationError, SchemaMissingError
from embeddb.schema import dependencies
from embeddb.schema.spec import EmbeddingSpec

if TYPE_CHECKING:
    from alembic.runtime.migration import MigrationContext

    from embeddb.schema.attached import SourceTable
    from embeddb.schema.catalog import CollectionRecord
    from embeddb.store import Store


def shared(migration: MigrationContext) -> SharedDatabase:
    """Return the database in the migration's own transaction.

    Raises:
        CommandError: the driver in env.py is none that this works with.
    """
    assert migration.connection is not None
    try:
        connection = borrow(migration.connection)
    except ConfigurationError as error:
        raise CommandError(str(error)) from error
    return SharedDatabase(connection, schema=Settings.from_environment().schema)


def store_of(migration: MigrationContext) -> Store:
    """Return a store in the migration's own transaction."""
    from embeddb.store import Store

    return Store(shared(migration), Settings.from_environment())


def attached(migration: MigrationContext, name: str) -> tuple[CollectionRecord, SourceTable]:
    """Return a collection and what it is attached to.

    Raises:
        CommandError: it is attached to no table.
    """
    record = store_of(migration).collection(name).record
    if record.source is None:
        raise CommandError(f"The collection {name!r} is attached to no table.")
    return record, record.source


def change_form(migration: MigrationContext, name: str, form: Mapping[str, Any]) -> None:
    """Build another storage or index, on connections that see only what is committed.

    Raises:
        CommandError: env.py holds a transaction open that has changed something already.
    """
    if not is_held_open(migration):
        with outside(migration, f"{name}: another form is built outside of a transaction"):
            _convert(migration, name, form)
    elif not _is_committed(migration, name):
        _create_anew(migration, name, form)
    elif _is_clean(migration, name):
        _convert(migration, name, form)
    else:
        raise CommandError(
            f"{name}: another storage or index is built on other connections, which do not see "
            "what this transaction has changed, and env.py holds it open around the migrations. "
            f"{REMEDY}, or run `alembic upgrade` for this revision alone, once those before it "
            "are committed."
        )


def _convert(migration: MigrationContext, name: str, form: Mapping[str, Any]) -> None:
    """Build another form of a collection, on connections of its own: it may take hours."""
    with _own_store(migration) as store:
        collection = store.collection(name)
        if "storage" in form or collection.record.generation.wanted is not None:
            index = form.get("index", collection.record.generation.index)
            collection.convert(storage=form.get("storage"), index=index or "exact")
        elif form["index"] is None:
            collection.drop_index()
        else:
            collection.create_index(form["index"])


def _create_anew(migration: MigrationContext, name: str, form: Mapping[str, Any]) -> None:
    """Create a collection of this transaction anew, in another form: it has no vectors yet."""
    store = store_of(migration)
    record = store.collection(name).record
    fields: Any = {**EmbeddingSpec.of(record.generation).fields(), **form}
    source = record.source
    store.drop_collection(name)
    if source is None:
        store.create_collection(name, **fields)
        return
    from embeddb.repository.attached.attach import declaration_of

    declared = declaration_of(source)
    store.attach(
        declared.source,
        name=name,
        text=declared.text,
        metadata=declared.metadata,
        where=declared.where,
        owner=declared.owner,
        depends_on=dependencies.as_mapping(declared.depends_on),
        title_column=declared.title_column,
        media_type=declared.media_type,
        media_type_column=declared.media_type_column,
        **fields,
    )


def _is_committed(migration: MigrationContext, name: str) -> bool:
    """Return whether others see the collection too."""
    try:
        with _own_store(migration) as store:
            store.collection(name)
    except (CollectionNotFoundError, SchemaMissingError):
        return False
    return True


def _is_clean(migration: MigrationContext, name: str) -> bool:
    """Return whether nothing in the transaction can be in the way of other connections."""
    assert migration.connection is not None
    database = shared(migration)
    with database.connection() as connection:
        given = {"schema": database.schema, "chunks": f"{name}_g"}
        row = connection.execute(query("transactions.is_clean"), given).fetchone()
    # what a statement with parameters leaves open keeps its snapshot, for which an index build on
    # another connection would wait; one without closes it
    borrow(migration.connection).execute(query("transactions.let_go"), prepare=False)
    return bool(row and row[0])


def _own_store(migration: MigrationContext) -> Store:
    """Return a store on connections of its own, to the same database as the same role."""
    from embeddb.store import Store

    connection = migration.connection
    assert connection is not None
    settings = Settings.from_environment()
    # an engine may know more than its URL says, but lends no second connection by every pool
    lends = isinstance(connection.engine.pool, NullPool | QueuePool)
    if lends and isinstance(connection.connection.driver_connection, psycopg.Connection):
        return Store(PooledDatabase(connection.engine, schema=settings.schema), settings)
    try:
        return Store(PooledDatabase(address_of(connection), schema=settings.schema), settings)
    except ConfigurationError as error:
        raise CommandError(str(error)) from error
