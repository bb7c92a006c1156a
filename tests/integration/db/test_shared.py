"""A database that is one connection, inside a transaction of the caller's."""

from __future__ import annotations

import psycopg
import pytest
from psycopg.rows import dict_row

import embeddb
from embeddb.db.shared import SharedDatabase
from embeddb.errors import DatabaseError, SchemaMissingError
from embeddb.repository.collections.collections import Collections
from tests.support.postgres import one


def test_nothing_is_there_where_the_caller_takes_it_back(store: embeddb.Store) -> None:
    store.create_collection("docs", model=None, dim=3)
    with psycopg.connect(store.url) as connection:
        connection.execute("SELECT 1")
        shared = SharedDatabase(connection, schema="embeddb")
        Collections(shared).drop("docs")
        assert Collections(shared).all() == []
        connection.rollback()
    assert [collection.name for collection in store.collections()] == ["docs"]


def test_what_is_set_for_a_transaction_is_put_back(store: embeddb.Store) -> None:
    with psycopg.connect(store.url) as connection:
        connection.execute("SET LOCAL search_path TO public")
        shared = SharedDatabase(connection, schema="embeddb")
        with shared.transaction() as lent:
            lent.execute("SET LOCAL search_path TO pg_catalog; SET LOCAL lock_timeout TO '9s'")
        settings = "SELECT current_setting('search_path'), current_setting('lock_timeout')"
        assert connection.execute(settings).fetchone() == ("public", "0")


def test_rows_are_plain_while_it_is_lent_and_the_caller_s_own_afterwards(database: str) -> None:
    with psycopg.connect(database, row_factory=dict_row) as connection:
        shared = SharedDatabase(connection, schema="embeddb")  # type: ignore[arg-type]
        with shared.connection() as lent:
            assert lent.execute("SELECT 1 AS n").fetchone() == (1,)
        assert connection.execute("SELECT 1 AS n").fetchone() == {"n": 1}


def test_a_connection_of_its_own_is_refused(database: str) -> None:
    with psycopg.connect(database) as connection:
        shared = SharedDatabase(connection, schema="embeddb")
        for opening in (shared.open, shared.dedicated):
            with pytest.raises(DatabaseError, match="outside of the migration"):
                opening()
        shared.close()
        assert not connection.closed


def test_it_knows_its_server_and_where_it_is(database: str) -> None:
    with psycopg.connect(database) as connection:
        shared = SharedDatabase(connection, schema="embeddb")
        assert shared.server.migration is not None
        assert shared.vector_schema() == one(
            database,
            "SELECT extnamespace::regnamespace::text FROM pg_extension WHERE extname = 'vector'",
        )
        assert connection.info.dbname in repr(shared)
        missing = r"no embeddb schema 'elsewhere'.*migrate --schema"
        with pytest.raises(SchemaMissingError, match=missing):
            SharedDatabase(connection, schema="elsewhere").vector_schema()
