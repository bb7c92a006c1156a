"""What an error is about: the connection, a whole collection or one row; and what may be told."""

from __future__ import annotations

import re

import psycopg
from psycopg import errors as pg

from embeddb.db.boundary import connection_lost
from embeddb.errors import (
    ConfigurationError,
    DatabaseError,
    DatabaseUnavailableError,
    EmbedDBError,
    ModelError,
    SharedKeyError,
)
from embeddb.repository.queue.jobs import JobFailure

_COLLECTION_CLASSES = frozenset({"28", "3D", "3F", "42", "53", "58", "XX"})
"""SQLSTATE classes that every row would meet: names and privileges, resources, the server."""

_REPEATABLE = (pg.DeadlockDetected, pg.SerializationFailure)

_GRANT = ". `embeddb grant worker ROLE` gives a role what a worker needs."

_ANSWER = re.compile(r"(HTTP \d+).*", re.DOTALL)


def driver_error(error: BaseException) -> psycopg.Error | None:
    """Return what psycopg raised, where an error is or was caused by that; None otherwise."""
    if isinstance(error, psycopg.Error):
        return error
    cause = error.__cause__
    return cause if isinstance(cause, psycopg.Error) else None


def is_lost(error: BaseException) -> bool:
    """Return whether the connection is gone, so that another one may help."""
    if isinstance(error, DatabaseUnavailableError):
        return True
    raised = driver_error(error)
    return raised is not None and connection_lost(raised)


def is_repeatable(error: BaseException) -> bool:
    """Return whether the same transaction may work if it is tried again."""
    return isinstance(driver_error(error), _REPEATABLE)


def is_of_one_row(error: BaseException) -> bool:
    """Return whether a statement failed because of what one of its rows holds."""
    if isinstance(error, SharedKeyError):
        return True
    raised = driver_error(error)
    if raised is None or connection_lost(raised):
        return False
    return raised.sqlstate is None or raised.sqlstate[:2] not in _COLLECTION_CLASSES


def row_failure(error: BaseException) -> JobFailure:
    """Return what is wrong with a row, for `failed_jobs`."""
    raised = driver_error(error)
    if raised is not None:
        return JobFailure("UnreadableDocumentError", f"{type(raised).__name__}: {_primary(raised)}")
    return JobFailure(type(error).__name__, str(error))


def describe(error: BaseException) -> str:
    """Return what is wrong with a collection, for its status; it may quote what a row holds."""
    raised = driver_error(error)
    if raised is not None and not isinstance(error, EmbedDBError):
        denied = isinstance(raised, pg.InsufficientPrivilege)
        return f"{type(raised).__name__}: {_primary(raised)}" + (_GRANT if denied else "")
    return f"{type(error).__name__}: {error}"


def loggable(error: BaseException) -> str:
    """Return what is wrong, without a word of any document.

    The message of an error of one row may quote that row, so only its type and SQLSTATE are told.
    What an endpoint answered may repeat what it was sent, so only its status is told.
    """
    name = type(error).__name__
    raised = driver_error(error)
    if raised is not None and not is_lost(error):
        if not is_of_one_row(error):
            return f"{name}: {_primary(raised)}"
        return f"{name} ({raised.sqlstate})"
    if isinstance(error, ModelError | ConfigurationError | DatabaseError):
        return f"{name}: {_ANSWER.sub(chr(92) + '1', str(error).splitlines()[0])}"
    return name


def _primary(error: psycopg.Error) -> str:
    return error.diag.message_primary or str(error).strip()
