"""What an error is about, and what of it may be logged."""

from __future__ import annotations

import psycopg
import pytest
from psycopg import errors as pg

from embeddb.errors import (
    DatabaseError,
    DatabaseUnavailableError,
    EncodingError,
    ModelNotFoundError,
    ModelUnavailableError,
)
from embeddb.worker.failures import (
    describe,
    is_lost,
    is_of_one_row,
    is_repeatable,
    loggable,
    row_failure,
)

SECRET = "the text of a document"


def caused(error: Exception, cause: Exception) -> Exception:
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "of_one_row", "lost", "repeatable"),
    [
        (pg.DivisionByZero("no"), True, False, False),
        (pg.RaiseException("no"), True, False, False),
        (pg.StringDataRightTruncation("no"), True, False, False),
        (pg.QueryCanceled("statement timeout"), True, False, False),
        (psycopg.DataError("a NUL character"), True, False, False),
        (caused(DatabaseError("no"), pg.DivisionByZero("no")), True, False, False),
        (pg.UndefinedColumn("no"), False, False, False),
        (pg.UndefinedTable("no"), False, False, False),
        (pg.InsufficientPrivilege("no"), False, False, False),
        (pg.DiskFull("no"), False, False, False),
        (pg.AdminShutdown("no"), False, True, False),
        (psycopg.OperationalError("no server"), False, True, False),
        (DatabaseUnavailableError("no server"), False, True, False),
        (pg.DeadlockDetected("no"), True, False, True),
        (ModelUnavailableError("no"), False, False, False),
        (ValueError("no"), False, False, False),
    ],
    ids=lambda value: type(value).__name__,
)
def test_errors_are_told_apart(
    error: Exception, of_one_row: bool, lost: bool, repeatable: bool
) -> None:
    assert (is_of_one_row(error), is_lost(error), is_repeatable(error)) == (
        of_one_row,
        lost,
        repeatable,
    )


@pytest.mark.parametrize(
    "error",
    [
        pg.InvalidTextRepresentation(f'invalid input syntax for type integer: "{SECRET}"'),
        EncodingError("no").with_traceback(None),
        ModelUnavailableError(f"https://api.test did not answer: HTTP 503: sent {SECRET}"),
        ValueError(SECRET),
    ],
    ids=lambda value: type(value).__name__,
)
def test_the_log_holds_no_text(error: Exception) -> None:
    assert SECRET not in loggable(error)
    assert type(error).__name__ in loggable(error)


def test_the_log_tells_what_is_wrong_with_a_collection() -> None:
    assert "no such model" in loggable(ModelNotFoundError("there is no such model"))
    assert "HTTP 503" in loggable(ModelUnavailableError("it did not answer: HTTP 503: busy"))


def test_a_failure_keeps_its_type_and_message() -> None:
    assert row_failure(EncodingError("it choked")) == ("EncodingError", "it choked")
    assert row_failure(pg.DivisionByZero("division by zero")) == (
        "UnreadableDocumentError",
        "DivisionByZero: division by zero",
    )
    assert describe(pg.UndefinedColumn("no column")) == "UndefinedColumn: no column"
