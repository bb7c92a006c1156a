"""Brings embeddb's own schema to a version: the packaged Alembic chain, under a lock."""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import resources
from typing import TYPE_CHECKING

import psycopg
from psycopg import errors as pg

from embeddb import errors
from embeddb.db.boundary import translate, translated
from embeddb.db.database import (
    OLDEST_POSTGRES,
    Connection,
    Database,
    TransactionSource,
    check_server,
    describe_server,
)
from embeddb.db.queries import query
from embeddb.forks import ProcessLock

if TYPE_CHECKING:
    import sqlalchemy as sa
    from alembic.config import Config
    from alembic.script import ScriptDirectory
    from alembic.util import CommandError

LOCK_KEY = 0x656D6264
"""`embd`: the advisory lock that migrations hold."""

LOCK_POLL_SECONDS = 0.1

_ALEMBIC = ProcessLock()
"""Alembic keeps the migration that runs in module globals: one at a time in a process."""


@dataclass(frozen=True, kw_only=True, slots=True)
class MigrationResult:
    """The revisions before and after; equal where there was nothing to do."""

    before: str | None
    after: str | None


def head() -> str:
    """Return the newest revision.

    Every connection compares it with the database's. The names of the packaged files say it:
    Alembic would say the same, and takes a third of a second to import.
    """
    files = (resources.files("embeddb.migrations") / "versions").iterdir()
    return max(file.name.partition("_")[0] for file in files if file.name[:1].isdigit())


def check_revision(database: Database) -> None:
    """Check that a database's schema is of the revision that this version works with.

    Raises:
        SchemaOutdatedError: it is of another one.
        DatabaseUnavailableError, UnsupportedServerError, SchemaMissingError: as `Database.server`.
    """
    found = database.server.migration
    if found != (wanted := head()):
        raise errors.SchemaOutdatedError(
            f"The schema {database.schema!r} is at revision {found} and this embeddb "
            f"needs {wanted}: run `embeddb migrate`"
            + (", or upgrade the package." if (found or "") > wanted else ".")
        )


def migrate_schema(
    database: Database,
    revision: str = "head",
    *,
    finish: Callable[[Connection], None] = lambda connection: None,
) -> MigrationResult:
    """Move the schema to `revision`, up or down, and call `finish` under the same lock.

    Raises:
        PermissionDeniedError: the role may not create the schema or the extension.
        UnsupportedServerError: Postgres or pgvector is too old or missing.
        MigrationError: a revision could not be applied; the schema is as it was.
    """
    with database.dedicated() as connection, _locked(connection):
        before = _prepare(connection, database.schema)
        _run(database, before, revision)
        after = describe_server(connection, database.schema).migration
        if after is not None:
            with translated(), connection.transaction():
                finish(connection)
    return MigrationResult(before=before, after=after)


def migrate_within(
    database: TransactionSource,
    connection: sa.Connection,
    finish: Callable[[Connection], None] = lambda connection: None,
) -> MigrationResult:
    """Bring the schema to the newest revision in a transaction of the caller's.

    Args:
        database: the schema, reached by that connection.
        connection: SQLAlchemy's, inside a transaction; with any driver.
        finish: called after it where something was done.

    Raises:
        PermissionDeniedError: the role may not create the schema or the extension.
        UnsupportedServerError: Postgres or pgvector is too old or missing.
        MigrationError: the schema is of a revision that this package does not know.
    """
    from alembic import command
    from alembic.util import CommandError

    with database.connection() as driver:
        driver.execute(query("schema.lock_in_transaction"), {"key": LOCK_KEY})
        before = _prepare(driver, database.schema)
        if before == (newest := head()):
            return MigrationResult(before=before, after=before)
        config = _config(database.schema)
        config.attributes |= {"connection": connection, "driver": driver}
        try:
            with _apart():
                command.upgrade(config, "head")
        except CommandError as error:
            raise _unknown(error, newest) from error
        finish(driver)
    return MigrationResult(before=before, after=newest)


def offline_sql(schema: str, revision: str = "head", *, transactional: bool = True) -> str:
    """Return the SQL of a whole migration, without asking a server.

    Args:
        schema: where everything is.
        revision: how far to go.
        transactional: whether the SQL begins and completes a transaction of its own.
    """
    from alembic import command

    config = _config(schema)
    config.attributes["transactional"] = transactional
    config.output_buffer = io.StringIO()
    with _apart():
        command.upgrade(config, revision, sql=True)
    return config.output_buffer.getvalue()


def is_downgrade(before: str | None, revision: str) -> bool:
    """Return whether going from `before` to `revision` removes tables."""
    from alembic.script import ScriptDirectory
    from alembic.util import CommandError

    script = ScriptDirectory.from_config(_config("embeddb"))
    try:
        return before is not None and _is_below(script, revision, before)
    except CommandError:  # an unknown revision: migrating explains it
        return False


def _prepare(connection: Connection, schema: str) -> str | None:
    info = describe_server(connection, schema)
    if info.version < OLDEST_POSTGRES:
        check_server(info)
    if info.pgvector is None and info.available_pgvector is not None:
        _create_extension(connection)
        info = describe_server(connection, schema)
    check_server(info)
    return info.migration


def _create_extension(connection: Connection) -> None:
    try:
        connection.execute(query("schema.create_extension"), {})
    except pg.InsufficientPrivilege as error:
        raise errors.PermissionDeniedError(
            "pgvector is not installed in this database and this role may not install it. "
            "Ask an administrator for: CREATE EXTENSION vector;"
        ) from error
    except psycopg.Error as error:
        raise translate(error) from error


def _run(database: Database, before: str | None, revision: str) -> None:
    from alembic import command
    from alembic.script import ScriptDirectory
    from alembic.util import CommandError
    from sqlalchemy import create_engine, pool
    from sqlalchemy.exc import DBAPIError

    config = _config(database.schema)
    script = ScriptDirectory.from_config(config)

    def transactional() -> Connection:
        connection = database.dedicated()
        connection.autocommit = False  # a revision is applied as a whole or not at all
        return connection

    engine = create_engine("postgresql+psycopg://", creator=transactional, poolclass=pool.NullPool)
    try:
        down = _is_below(script, revision, before)
        with _apart(), engine.begin() as connection:
            config.attributes["connection"] = connection
            (command.downgrade if down else command.upgrade)(config, revision)
    except CommandError as error:
        raise _unknown(error, script.get_current_head()) from error
    except DBAPIError as error:
        cause = error.orig
        raise _failed(cause) if isinstance(cause, psycopg.Error) else cause or error from error
    except psycopg.Error as error:
        raise _failed(error) from error


def _unknown(error: CommandError, newest: str | None) -> errors.MigrationError:
    return errors.MigrationError(
        f"{error}. This embeddb knows revisions up to {newest}; "
        "a newer one migrated the database: upgrade the package."
    )


@contextmanager
def _apart() -> Iterator[None]:
    """Let Alembic run a migration of ours, and go on with the one that is around it, if any is."""
    from alembic import context, op

    around = [getattr(module, "_proxy", None) for module in (context, op)]
    with _ALEMBIC:
        try:
            yield
        finally:
            for proxy in filter(None, around):
                proxy._install_proxy()


def _failed(error: psycopg.Error) -> errors.EmbedDBError:
    cause = translate(error)
    if type(cause) is not errors.DatabaseError:
        return cause  # a lost connection or a missing privilege explains itself
    return errors.MigrationError(f"{cause}\nNothing was applied: the schema is as it was.")


def _is_below(script: ScriptDirectory, revision: str, before: str | None) -> bool:
    if revision == "base":
        return True
    if before is None or revision in ("head", "heads", before):
        return False
    script.get_revision(before)  # raises CommandError for one that this package does not know
    older = {entry.revision for entry in script.iterate_revisions(before, "base")}
    return script.get_revision(revision).revision in older


def _config(schema: str) -> Config:
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(resources.files("embeddb.migrations")))
    config.set_main_option("path_separator", "os")
    config.attributes["schema"] = schema
    return config


@contextmanager
def _locked(connection: Connection) -> Iterator[None]:
    """Hold the migration lock, having waited for other migrations without holding a snapshot."""
    with translated():
        while not _fetch_bool(connection, "schema.try_lock"):
            time.sleep(LOCK_POLL_SECONDS)
    try:
        yield
    finally:
        if not connection.closed:
            _fetch_bool(connection, "schema.unlock")


def _fetch_bool(connection: Connection, name: str) -> bool:
    row = connection.execute(query(name), {"key": LOCK_KEY}).fetchone()
    return bool(row and row[0])
