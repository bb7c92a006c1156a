"""What the session of every connection must be set to, so that text and values mean one thing.

A server, a database, a role, the environment and the URL may each set another encoding, or another
way to write dates and numbers. embeddb's own connections are set once, when they are opened; those
of a caller's for as long as they are lent.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg import sql
from psycopg.pq import TransactionStatus

from embeddb import forks
from embeddb.db.queries import Name, Value, query

CONNECT_TIMEOUT_SECONDS = 10

ENCODING = "UTF8"

LITERALS: Mapping[str, str] = {"standard_conforming_strings": "on"}
"""What changes how SQL is read, and nothing else."""

SETTINGS: Mapping[str, str] = {
    **LITERALS,
    "DateStyle": "ISO",
    "IntervalStyle": "postgres",
    "TimeZone": "UTC",
    "bytea_output": "hex",
    "extra_float_digits": "1",
    "quote_all_identifiers": "off",
}
"""What changes how embeddb's SQL is read, or how values are written; DateStyle without its order
of day and month, which matters to no date that embeddb writes."""

_REPORTED = ("standard_conforming_strings", "DateStyle", "IntervalStyle")
"""What a server reports to its client, so that looking costs no round trip. TimeZone is reported,
too, but differs on most servers, and of what is done on a caller's connection nothing depends on
it."""


def open_session(
    url: str, *, prepare_threshold: int | None = 5
) -> psycopg.Connection[tuple[Any, ...]]:
    """Open a connection of embeddb's own, in autocommit mode; psycopg's errors come raw."""
    connection = psycopg.connect(
        url,
        autocommit=True,
        prepare_threshold=prepare_threshold,
        connect_timeout=CONNECT_TIMEOUT_SECONDS,
        application_name="embeddb",
        client_encoding=ENCODING,
    )
    try:
        set_up(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def set_up(connection: psycopg.Connection[Any]) -> None:
    """Set a session of embeddb's own, which speaks UTF-8 already, for as long as it lives."""
    forks.closed_in_child(connection)
    # only what differs: behind a transaction pooler, others may get the server's session next
    _set(connection, query("settings.pin"), SETTINGS, local=False)


@contextmanager
def lent_session(connection: psycopg.Connection[Any], *, local: bool = False) -> Iterator[None]:
    """Set a session of a caller's for the block, and put its own settings back afterwards.

    Args:
        connection: with plain rows; outside of a transaction unless `local`.
        local: set them for the transaction only, which the caller is in.
    """
    before = _differing(connection)
    if not before:
        yield
        return
    wanted = {name: ENCODING if name == "client_encoding" else SETTINGS[name] for name in before}
    _set(connection, query("settings.set_all"), wanted, local=local)
    try:
        yield
    finally:
        # what was set in a transaction that failed goes back with it
        failed = connection.info.transaction_status == TransactionStatus.INERROR
        if not connection.closed and not failed:
            _set(connection, query("settings.set_all"), before, local=local)


def codec_of(encoding: str) -> str | None:
    """Return Python's codec for the encoding of a database; None where every character has a place.

    It is None too for the few that Python does not know: there Postgres has the say.
    """
    if encoding == ENCODING:
        return None
    name = encoding.replace("WIN", "cp").replace("KOI8", "koi8_")
    try:
        return codecs.lookup(name).name
    except LookupError:
        return None


def as_clauses(settings: Mapping[str, str] = SETTINGS) -> sql.Composable:
    """Return the settings as clauses of CREATE FUNCTION, for functions in sessions of others."""
    clauses = [
        sql.SQL("SET {} TO {}").format(Name(name), Value(value)) for name, value in settings.items()
    ]
    return sql.SQL("\n").join(clauses)


def _differing(connection: psycopg.Connection[Any]) -> dict[str, str]:
    """Return the settings that are not as they must be, as they are."""
    report = connection.info.parameter_status
    found = {name: report(name) for name in _REPORTED}
    differing = {
        name: value
        for name, value in found.items()
        if value is not None and value.partition(",")[0] != SETTINGS[name]
    }
    encoding = report("client_encoding")
    if encoding is not None and encoding != ENCODING:
        differing["client_encoding"] = encoding
    return differing


def _set(
    connection: psycopg.Connection[Any],
    statement: sql.Composed,
    settings: Mapping[str, str],
    *,
    local: bool,
) -> None:
    given = {"names": list(settings), "values": list(settings.values()), "local": local}
    connection.execute(statement, given)
