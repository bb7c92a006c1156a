"""The one place where driver errors become embeddb's, their cause kept."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg import errors as pg

from embeddb import errors

FILTER_SQLSTATE = "ED001"
"""What `embeddb.filter_path` raises (sql/functions/filter_path.sql)."""

QUERY_ENCODER_SQLSTATE = "ED002"
"""What `embeddb.encode_query` raises (sql/functions/encode_query.sql)."""

_UNREACHABLE_HINT = (
    "Is the server running and the address right? `embeddb db start` starts the embedded one."
)

_READ_ONLY_HINT = (
    "The server is a standby, or default_transaction_read_only is on for this role or database: "
    "write through the primary server, as a role that may."
)

TIMEOUT_HINT = (
    "It took longer than the search's timeout or the session's statement_timeout allows. Allow "
    "more, build an index (`embeddb index build`), or ask for less: a smaller limit, a narrower "
    "filter. embeddb never raises the statement_timeout of a role, a database or a connection."
)

_CANCELLED_BY_SOMEBODY = "user request"
"""A part of what Postgres says, in English, of a statement that was cancelled and had time left;
both have one SQLSTATE."""

RIGHTS_HINT = (
    "Ask the schema's owner for the right, or connect as another role: `embeddb grant reader ROLE` "
    "gives what searching needs, `writer` what writing, `worker` what encoding, `owner` the rest. "
    "On a table that a collection is attached to it is that table's owner: GRANT SELECT ON … TO …."
)


@contextmanager
def translated() -> Iterator[None]:
    """Raise an EmbedDBError in place of what psycopg raises inside the block."""
    try:
        yield
    except psycopg.Error as error:
        raise translate(error) from error


def translate(error: psycopg.Error) -> errors.EmbedDBError:
    """Return embeddb's error for one of psycopg's, chosen by SQLSTATE.

    A message decides one thing: a statement that somebody cancelled has not run out of time.
    """
    text = str(error).strip()
    if error.sqlstate == FILTER_SQLSTATE:
        return errors.FilterError(error.diag.message_primary)
    if error.sqlstate == QUERY_ENCODER_SQLSTATE:
        lines = (error.diag.message_primary, error.diag.message_hint)
        return errors.QueryEncoderError("\n".join(filter(None, lines)))
    if isinstance(error, pg.InsufficientPrivilege):
        return errors.PermissionDeniedError(text + "\n" + RIGHTS_HINT)
    if error.sqlstate is None and isinstance(error, psycopg.OperationalError):
        return errors.DatabaseUnavailableError(text + "\n" + _UNREACHABLE_HINT)
    if isinstance(error, pg.QueryCanceled) and _CANCELLED_BY_SOMEBODY not in text:
        return errors.QueryTimeoutError(text + "\n" + TIMEOUT_HINT)
    if isinstance(error, pg.AdminShutdown | pg.CrashShutdown | pg.CannotConnectNow):
        return errors.DatabaseUnavailableError(text + "\nTry again when the server is back.")
    if isinstance(error, pg.ReadOnlySqlTransaction):
        return errors.DatabaseError(text + "\n" + _READ_ONLY_HINT)
    return errors.DatabaseError(text)


def connection_lost(error: BaseException) -> bool:
    """Return whether `error` means that the connection is gone, so that trying again may help."""
    return isinstance(error, psycopg.OperationalError) and (
        error.sqlstate is None
        or isinstance(error, pg.AdminShutdown | pg.CrashShutdown | pg.CannotConnectNow)
    )


ROW_CLASSES = frozenset({"22", "23", "44", "54", "P0"})
"""Classes of SQLSTATE about values: data, constraints, check options, limits, and RAISE."""


def blames_a_row(error: psycopg.Error) -> bool:
    """Return whether Postgres refuses a row for what is in it, so that others may be taken.

    A trigger may raise a SQLSTATE of its own, which psycopg does not know.
    """
    state = error.sqlstate
    if state is None or state[:2] in ROW_CLASSES:
        return state is not None
    try:
        pg.lookup(state)
    except KeyError:
        return True
    return False
