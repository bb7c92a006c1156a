"""embeddb's own schema: brought to a version, whole or not at all, by any number of processes."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

import embeddb
from embeddb.errors import DatabaseError, MigrationError, PermissionDeniedError
from embeddb.schema.migrate import MigrationResult, head, offline_sql
from tests.postgres import catalog, one, role, rows
from tests.support import HashEncoder

SCHEMAS = ["embeddb", 'the "other" 100% schema: a']


def _has_schema(url: str, schema: str = "embeddb") -> bool:
    return bool(one(url, "SELECT count(*) FROM pg_namespace WHERE nspname = %s", [schema]))


def test_an_empty_database_is_migrated_and_then_left_alone(empty_database: str) -> None:
    first = embeddb.migrate(empty_database)
    assert first == MigrationResult(before=None, after=head())
    before = catalog(empty_database)
    assert {name for name, _ in before["functions"]} == {"filter_path"}
    assert embeddb.migrate(empty_database) == MigrationResult(before=head(), after=head())
    assert catalog(empty_database) == before


@pytest.mark.parametrize("schema", SCHEMAS)
def test_the_sql_for_offline_use_makes_the_same_schema(empty_database: str, schema: str) -> None:
    embeddb.migrate(empty_database, schema=schema)
    online = catalog(empty_database, schema)
    embeddb.migrate(empty_database, schema=schema, revision="base")
    rows(empty_database, psycopg.sql.SQL("DROP SCHEMA {}").format(psycopg.sql.Identifier(schema)))
    rows(empty_database, offline_sql(schema))
    assert catalog(empty_database, schema) == online
    with embeddb.connect(empty_database, schema=schema) as store:
        docs = store.create_collection("docs", model=HashEncoder())
        docs.add([{"id": "a", "content": "a cat", "metadata": {"n": 1}}])
        assert docs.search("cat", filter={"n": 1})


@pytest.mark.parametrize("schema", SCHEMAS)
def test_going_down_and_up_again_gives_the_same_schema(empty_database: str, schema: str) -> None:
    embeddb.migrate(empty_database, schema=schema)
    before = catalog(empty_database, schema)
    down = embeddb.migrate(empty_database, schema=schema, revision="base")
    assert down == MigrationResult(before=head(), after=None)
    assert catalog(empty_database, schema)["functions"] == []
    tables = "SELECT tablename FROM pg_tables WHERE schemaname = %s"
    assert rows(empty_database, tables, [schema]) == [("alembic_version",)]
    embeddb.migrate(empty_database, schema=schema)
    assert catalog(empty_database, schema) == before


def test_going_down_is_refused_while_there_are_collections(store: embeddb.Store) -> None:
    docs = store.create_collection("docs", model=HashEncoder())
    docs.add([("a", "a cat")])
    before = catalog(store.url)
    with pytest.raises(MigrationError, match="drop them first"):
        embeddb.migrate(store.url, revision="base")
    assert catalog(store.url) == before
    assert docs.search("cat")[0].id == "a"
    store.drop_collection("docs")
    assert embeddb.migrate(store.url, revision="base").after is None


def test_functions_are_brought_up_to_date_each_time(store: embeddb.Store) -> None:
    store.create_collection("docs", model=HashEncoder())
    store.create_collection('the "other" one', model=None, dim=3)
    before = catalog(store.url)
    assert len(before["functions"]) == 3
    rows(
        store.url,
        "CREATE OR REPLACE FUNCTION embeddb.filter_path(_filter jsonb) RETURNS jsonpath "
        "LANGUAGE sql AS $$ SELECT '1 == 0'::jsonpath $$",
    )
    rows(store.url, "DROP FUNCTION embeddb.docs_search(vector, integer, jsonb, double precision)")
    embeddb.migrate(store.url)
    assert catalog(store.url) == before


def test_eight_migrations_at_once_apply_once(empty_database: str) -> None:
    with ThreadPoolExecutor(8) as threads:
        results = list(threads.map(lambda _: embeddb.migrate(empty_database), range(8)))
    assert {result.after for result in results} == {head()}
    assert sorted(result.before or "" for result in results) == ["", *[head()] * 7]
    assert rows(empty_database, "SELECT version_num FROM embeddb.alembic_version") == [(head(),)]


def test_a_migration_closes_what_it_opens(empty_database: str) -> None:
    embeddb.migrate(empty_database)
    with embeddb.connect(empty_database) as store:
        store.create_collection("docs", model=None, dim=3)
    embeddb.migrate(empty_database)
    statement = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
    assert one(empty_database, statement) == 1


def test_a_schema_of_a_newer_package_is_not_touched(database: str) -> None:
    rows(database, "UPDATE embeddb.alembic_version SET version_num = '9999'")
    before = catalog(database)
    for revision in ("head", "base"):
        with pytest.raises(MigrationError, match="upgrade the package"):
            embeddb.migrate(database, revision=revision)
    assert catalog(database) == before
    assert rows(database, "SELECT version_num FROM embeddb.alembic_version") == [("9999",)]


def test_a_revision_that_does_not_exist_is_refused(database: str) -> None:
    before = catalog(database)
    with pytest.raises(MigrationError):
        embeddb.migrate(database, revision="4711")
    assert catalog(database) == before


def test_a_revision_that_fails_leaves_nothing(empty_database: str) -> None:
    rows(empty_database, "CREATE SCHEMA embeddb")
    rows(empty_database, "CREATE VIEW embeddb.recall_history AS SELECT 1 AS in_the_way")
    before = catalog(empty_database)
    with pytest.raises(DatabaseError, match="recall_history"):
        embeddb.migrate(empty_database)
    assert catalog(empty_database) == before
    rows(empty_database, "DROP VIEW embeddb.recall_history")
    assert embeddb.migrate(empty_database).after == head()


def test_a_role_that_may_not_install_pgvector_is_told_what_to_ask_for(
    empty_database: str,
) -> None:
    rows(empty_database, "DROP EXTENSION IF EXISTS vector")
    with role(empty_database) as url, pytest.raises(PermissionDeniedError) as caught:
        embeddb.migrate(url)
    assert "CREATE EXTENSION vector;" in str(caught.value)
    assert not _has_schema(empty_database)


def test_a_role_that_may_create_schemas_needs_no_more(empty_database: str) -> None:
    rows(empty_database, "CREATE EXTENSION IF NOT EXISTS vector")
    database = one(empty_database, "SELECT current_database()")
    grants = (f'GRANT CREATE, TEMPORARY ON DATABASE "{database}" TO {{}}',)
    with role(empty_database, *grants) as url:
        assert embeddb.migrate(url).after == head()
        with embeddb.connect(url) as store:
            docs = store.create_collection("docs", model=HashEncoder())
            docs.ingest([("a", "a cat"), ("b", "a dog")])
            docs.add([("b", "a wolf")])
            assert docs.search("wolf")[0].id == "b"
            assert docs.recall(sample=1).recall == 1.0


def test_a_role_without_any_right_changes_nothing(empty_database: str) -> None:
    rows(empty_database, "CREATE EXTENSION IF NOT EXISTS vector")
    with role(empty_database) as url, pytest.raises(PermissionDeniedError):
        embeddb.migrate(url)
    assert not _has_schema(empty_database)
