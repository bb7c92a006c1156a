"""Text and values are what they were, whatever a server, a role or the environment sets."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest
import sqlalchemy as sa
from psycopg import sql
from psycopg_pool import ConnectionPool

import embeddb
from embeddb.db.pooled import PooledDatabase
from embeddb.db.shared import SharedDatabase
from embeddb.errors import InvalidTextError, SourceError, UnsupportedServerError
from embeddb.records import Document
from embeddb.repository.collections.collections import Collections
from embeddb.sources import Query
from tests.support.attaching import attach, drain, query, stored
from tests.support.encoders import HashEncoder, with_database
from tests.support.postgres import one, rows, session

KEY, TEXT, METADATA = "größe", "Grüße aus Köln, 10 €, 東京", {"ort": "Köln", "Straße": ["ß"]}

ODD_STYLES = {
    "standard_conforming_strings": "off",
    "DateStyle": "German",
    "IntervalStyle": "sql_standard",
    "bytea_output": "escape",
    "TimeZone": "Asia/Kolkata",
    "extra_float_digits": "-3",
    "quote_all_identifiers": "on",
}


def _set(url: str, **settings: str) -> None:
    """Have every new session of the database begin with these settings."""
    database = sql.Identifier(psycopg.conninfo.conninfo_to_dict(url)["dbname"])  # type: ignore[arg-type]
    for name, value in settings.items():
        change = sql.SQL("ALTER DATABASE {} SET {} TO {}")
        rows(url, change.format(database, sql.Identifier(name), sql.Literal(value)))


def _keeps_text(store: embeddb.Store) -> None:
    docs = store.create_collection("docs", model=HashEncoder())
    document = {"id": KEY, "content": TEXT, "metadata": METADATA, "uri": KEY}
    docs.ingest([document])
    docs.add([document | {"id": KEY + "2"}])
    hit = docs.search(TEXT, 1, filter={"ort": "Köln"})[0]
    assert (hit.content, hit.metadata) == (TEXT, METADATA)
    assert [found.id for found in docs.get([KEY])] == [KEY]
    assert docs.delete(ids=[KEY + "2"]) == 1
    assert rows(store.url + "&client_encoding=UTF8", "SELECT id, content FROM embeddb.docs") == [
        (KEY, TEXT)
    ]
    store.drop_collection("docs")


def test_the_environment_s_encoding_changes_no_text(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGCLIENTENCODING", "LATIN1")
    with embeddb.connect(database) as store:
        _keeps_text(store)


@pytest.mark.parametrize("encoding", ["LATIN1", "SQL_ASCII", "WIN1252"])
def test_the_url_s_encoding_changes_no_text(database: str, encoding: str) -> None:
    with embeddb.connect(f"{database}&client_encoding={encoding}") as store:
        _keeps_text(store)


def test_the_database_s_own_client_encoding_changes_no_text(database: str) -> None:
    _set(database, client_encoding="LATIN1")
    with embeddb.connect(database) as store:
        _keeps_text(store)


@pytest.mark.parametrize("encoding", ["LATIN1", "SQL_ASCII"])
def test_a_pool_s_connections_speak_utf_8_while_they_are_lent(database: str, encoding: str) -> None:
    url = f"{database}&client_encoding={encoding}"
    with ConnectionPool(url, min_size=1, max_size=1, timeout=5) as pool:
        with pool.connection() as connection:
            connection.execute("SET DateStyle TO 'German'")
            connection.execute("SET IntervalStyle TO 'sql_standard'")
            connection.execute("SET standard_conforming_strings TO off")
        with embeddb.connect(pool) as store:
            _keeps_text(store)
        with pool.connection() as connection:
            said = connection.info.parameter_status
            assert said("client_encoding") == encoding
            assert said("DateStyle") == "German, DMY"
            assert said("IntervalStyle") == "sql_standard"
            assert said("standard_conforming_strings") == "off"


def test_a_connection_goes_back_as_it_was_after_an_error(database: str) -> None:
    url = f"{database}&client_encoding=LATIN1"
    with ConnectionPool(url, min_size=1, max_size=1, timeout=5) as pool:
        with (
            embeddb.connect(pool) as store,
            pytest.raises(embeddb.EmbedDBError),
            store.database.transaction() as lent,
        ):
            assert lent.info.parameter_status("client_encoding") == "UTF8"
            lent.execute("SELECT 1/0")
        with pool.connection() as connection:
            assert connection.info.parameter_status("client_encoding") == "LATIN1"


def test_an_engine_s_connections_speak_utf_8_while_they_are_lent(database: str) -> None:
    url = sa.make_url(f"{database}&client_encoding=LATIN1").set(drivername="postgresql+psycopg")
    engine = sa.create_engine(url, pool_size=1, max_overflow=0, pool_timeout=5)
    with embeddb.connect(engine) as store:
        _keeps_text(store)
    with engine.connect() as connection:
        assert connection.exec_driver_sql("SHOW client_encoding").scalar() == "LATIN1"
    engine.dispose()


def test_a_shared_connection_is_put_back_within_its_transaction(database: str) -> None:
    with psycopg.connect(f"{database}&client_encoding=LATIN1") as connection:
        connection.execute("SELECT 1")
        shared = SharedDatabase(connection, schema="embeddb")
        with shared.transaction() as lent:
            assert lent.execute("SHOW client_encoding").fetchone() == ("UTF8",)
        assert Collections(shared).all() == []
        assert connection.execute("SHOW client_encoding").fetchone() == ("LATIN1",)


def _read(item: object) -> tuple[str, str | None]:
    assert isinstance(item, Document)
    return item.id, item.content


def test_rows_of_a_query_are_read_as_utf_8(database: str) -> None:
    rows(database, "CREATE TABLE notes (id text, content text, since interval)")
    rows(database, "INSERT INTO notes VALUES (%s, %s, '-1 day')", [KEY, TEXT])
    url = f"{database}&client_encoding=LATIN1"
    assert [_read(one) for one in Query(url, "notes").documents()] == [(KEY, TEXT)]
    with psycopg.connect(url) as connection:
        connection.execute("SET IntervalStyle TO 'sql_standard'")
        read = list(Query(connection, "notes").documents())
        assert [_read(one) for one in read] == [(KEY, TEXT)]
        assert connection.info.parameter_status("client_encoding") == "LATIN1"
        assert connection.execute("SHOW IntervalStyle").fetchone() == ("sql_standard",)


@contextmanager
def _encoded(server_url: str, name: str, encoding: str) -> Iterator[str]:
    """Make a database in an encoding, and drop it."""
    database = sql.Identifier(name)
    rows(server_url, sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(database))
    create = sql.SQL("CREATE DATABASE {} ENCODING {} LOCALE_PROVIDER libc LOCALE 'C' TEMPLATE {}")
    template = sql.Identifier("template0")
    rows(server_url, create.format(database, sql.Literal(encoding), template))
    try:
        yield with_database(server_url, name)
    finally:
        rows(server_url, sql.SQL("DROP DATABASE {} WITH (FORCE)").format(database))


def test_a_character_that_a_database_does_not_have_fails_its_document_alone(
    server_url: str,
) -> None:
    with _encoded(server_url, "in_latin1", "LATIN1") as url:
        embeddb.migrate(url)
        with embeddb.connect(url) as store:
            docs = store.create_collection("docs", model=HashEncoder())
            report = docs.ingest(
                [
                    {"id": "größe", "content": "Grüße aus Köln", "metadata": {"ort": "Köln"}},
                    {"id": "content", "content": "10 €"},
                    {"id": "metadata", "content": "ten", "metadata": {"in": ["€"]}},
                    {"id": "€", "content": "ten"},
                ]
            )
            assert [(one.id, one.error) for one in report.failures] == [
                (id, InvalidTextError.__name__) for id in ("content", "metadata", "€")
            ]
            assert "LATIN1" in report.failures[0].message
            hit = docs.search("Grüße", 1, filter={"ort": "Köln"})[0]
            assert (hit.id, hit.content) == ("größe", "Grüße aus Köln")
            assert [one.id for one in docs.get(["größe"])] == ["größe"]


def test_a_database_that_knows_no_characters_is_refused_with_the_remedy(server_url: str) -> None:
    with _encoded(server_url, "in_ascii", "SQL_ASCII") as url:
        for opened in (embeddb.migrate, embeddb.connect):
            with pytest.raises(UnsupportedServerError, match=r"SQL_ASCII.*ENCODING 'UTF8'"):
                opened(url)
        with (
            ConnectionPool(url, min_size=1, max_size=1) as pool,
            pytest.raises(UnsupportedServerError, match="SQL_ASCII"),
        ):
            embeddb.connect(pool)
        rows(url, "CREATE TABLE notes AS SELECT 'a' AS id, E'gr\\xfc\\xdfe' AS content")
        with pytest.raises(SourceError, match="invalid byte sequence"):
            list(Query(url, "notes").documents())


def test_own_sessions_are_set_whatever_the_database_says(database: str) -> None:
    _set(database, **ODD_STYLES)
    with (
        embeddb.connect(database) as store,
        store.database.dedicated() as own,
        store.database.connection() as pooled,
    ):
        for connection in (own, pooled):
            for name, odd in ODD_STYLES.items():
                found = connection.execute("SELECT current_setting(%s)", [name]).fetchone()
                assert found is not None
                assert found[0] != odd


def test_a_setting_that_is_right_already_is_not_set(database: str) -> None:
    with PooledDatabase(database).dedicated() as connection:
        changed = connection.execute(
            "SELECT name FROM pg_settings WHERE source = 'session' ORDER BY 1"
        ).fetchall()
    assert "bytea_output" not in str(changed)
    assert "DateStyle" not in str(changed)


def test_odd_styles_change_neither_documents_nor_filters(database: str) -> None:
    document = {
        "id": r"C:\temp\n",
        "content": r"a path: C:\temp\new",
        "metadata": {"path": r"C:\new", "it's": "a 'quote'", "x.y": 1},
    }
    _set(database, **ODD_STYLES)
    with embeddb.connect(database) as store:
        docs = store.create_collection("docs", model=HashEncoder())
        docs.ingest([document])
        found = docs.search("path", 1, filter={"path": r"C:\new", r"x\.y": {"$gte": 1}})
        assert [hit.id for hit in found] == [document["id"]]
        assert docs.get([r"C:\temp\n"])[0].metadata == document["metadata"]
        assert docs.count({"path": {"$ilike": "%new"}}) == 1
    vector = str([float(number) for number in query("path")])
    statement = "SELECT id FROM embeddb.docs_search(%s, 5, %s)"
    asked = [vector, r'{"path": "C:\\new", "x\\.y": {"$gte": 1}}']
    assert rows(database, statement, asked) == [(document["id"],)]
    statement = "SELECT id FROM embeddb.search('docs', %s, 5, %s)"
    assert rows(database, statement, asked) == [(document["id"],)]


KEYED = """
CREATE TABLE public.shifts (
    day date, at timestamptz, lasts interval, hash bytea, share float8, during tstzrange,
    body text, PRIMARY KEY (day, at, lasts, hash, share, during)
)
"""

SHIFT = """
INSERT INTO public.shifts VALUES (
    '2020-02-01', '2020-02-01 12:00+00', make_interval(days => -1, hours => 2),
    decode('5c00', 'hex'), 0.1::float8 + 0.2, '[2020-02-01 00:00+00,2020-02-02 00:00+00)',
    'a night shift'
)
"""


def test_a_row_has_one_key_in_whatever_style_its_writers_and_readers_are(database: str) -> None:
    rows(database, KEYED)
    with embeddb.connect(database) as store:
        shifts = attach(
            store, "public.shifts", "body", metadata=["at", "lasts", "day", "hash", "share"]
        )
        rows(database, SHIFT)
        queued = rows(database, "SELECT key FROM embeddb.jobs")
        rows(database, "DELETE FROM embeddb.jobs; DELETE FROM public.shifts")
        _set(database, **ODD_STYLES)
        rows(database, SHIFT)
        assert rows(database, "SELECT key FROM embeddb.jobs") == queued
        drain(store, shifts)
        hit = shifts.search(query("night"), 1)[0]
        assert stored(database, "shifts_g1") == [hit.id] == [key for (key,) in queued]
        vector = str([float(number) for number in query("night")])
        statement = "SELECT id, metadata FROM embeddb.search('shifts', %s, 5)"
        assert rows(database, statement, [vector]) == [(hit.id, hit.metadata)]
        rows(database, "UPDATE public.shifts SET body = 'a day shift'")
        assert rows(database, "SELECT key FROM embeddb.jobs") == queued
        with session(database) as connection:
            connection.execute("SET IntervalStyle TO 'iso_8601'")
            connection.execute("DELETE FROM public.shifts")
        assert one(database, "SELECT count(*) FROM embeddb.shifts_g1") == 0
