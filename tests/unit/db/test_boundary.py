"""Driver errors become embeddb's by their SQLSTATE."""

from __future__ import annotations

import psycopg
import pytest
from psycopg import errors as pg

from embeddb import errors
from embeddb.db.boundary import connection_lost, translate, translated


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (pg.InsufficientPrivilege("no"), errors.PermissionDeniedError),
        (psycopg.OperationalError("refused"), errors.DatabaseUnavailableError),
        (pg.AdminShutdown("bye"), errors.DatabaseUnavailableError),
        (pg.CrashShutdown("bye"), errors.DatabaseUnavailableError),
        (pg.CannotConnectNow("starting"), errors.DatabaseUnavailableError),
        (pg.DiskFull("full"), errors.DatabaseError),
        (
            pg.QueryCanceled("canceling statement due to statement timeout"),
            errors.QueryTimeoutError,
        ),
        (pg.QueryCanceled("canceling statement due to user request"), errors.DatabaseError),
        (psycopg.DataError("odd"), errors.DatabaseError),
    ],
)
def test_an_error_is_translated_and_its_words_kept(
    error: psycopg.Error, expected: type[errors.EmbedDBError]
) -> None:
    with pytest.raises(errors.EmbedDBError) as caught, translated():
        raise error
    assert type(caught.value) is expected
    assert str(error) in str(caught.value)
    assert caught.value.__cause__ is error


def test_an_error_of_embeddb_s_passes_as_it_is() -> None:
    error = errors.FilterError("mine")
    with pytest.raises(errors.FilterError) as caught, translated():
        raise error
    assert caught.value is error


def test_only_a_lost_connection_is_worth_another() -> None:
    assert connection_lost(psycopg.OperationalError("server closed the connection"))
    assert connection_lost(pg.AdminShutdown("bye"))
    assert not connection_lost(pg.DiskFull("full"))
    assert not connection_lost(pg.UniqueViolation("twice"))
    assert not connection_lost(ValueError("other"))


def test_an_error_without_words_says_what_its_class_says() -> None:
    assert str(errors.FilterError()) == "The filter is malformed or uses an unknown operator."
    assert str(translate(pg.DiskFull("")) or "x")
