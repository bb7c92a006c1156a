"""The fixtures that other tests stand on."""

from __future__ import annotations

import psycopg


def _schemas(url: str) -> set[str]:
    with psycopg.connect(url) as connection:
        return {row[0] for row in connection.execute("SELECT nspname FROM pg_namespace")}


def test_an_empty_database_has_no_schema_of_embeddb(empty_database: str) -> None:
    assert "embeddb" not in _schemas(empty_database)


def test_a_database_is_migrated(database: str) -> None:
    assert "embeddb" in _schemas(database)


def test_tests_do_not_share_a_database(database: str, empty_database: str) -> None:
    with psycopg.connect(database) as connection:
        connection.execute("CREATE SCHEMA left_behind")
    assert "left_behind" not in _schemas(empty_database)


def test_each_test_starts_clean(database: str) -> None:
    assert "left_behind" not in _schemas(database)
