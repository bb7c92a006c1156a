"""embeddb's own schema: made once, the same by every way, and nothing half done."""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

import embeddb
from embeddb.db.migrate import head, offline_sql
from embeddb.db.queries import scripts
from embeddb.errors import (
    DatabaseError,
    MigrationError,
    PermissionDeniedError,
    SchemaMissingError,
    SchemaOutdatedError,
)
from tests.conftest import ROOT
from tests.support.encoders import HashEncoder, with_database
from tests.support.postgres import catalog, one, role, rows, session

VERSIONS = ROOT / "migrations" / "versions"

RELEASED = {
    "0001_catalog.py": "0fefeccc261bb83d80e1e5fd45a15bb9b1b4a2b88d675a553dd7b6dfa984ec84",
}
"""The revisions as they were released: databases have run them, so they never change."""

QUOTED = 'My "own"; 100% of:it'

DOCUMENTS = [{"id": "a", "content": "a cat"}, {"id": "b", "content": "a dog"}]


def test_an_empty_database_is_brought_to_the_newest_revision(empty_database: str) -> None:
    with pytest.raises(DatabaseError, match="embeddb migrate"):
        embeddb.connect(empty_database)
    result = embeddb.migrate(empty_database)
    assert (result.before, result.after) == (None, head())
    with embeddb.connect(empty_database) as store:
        assert store.collections() == []


def test_migrating_again_changes_nothing(store: embeddb.Store) -> None:
    docs = store.create_collection("docs", model=HashEncoder())
    docs.add(DOCUMENTS)
    before = catalog(store.url)
    result = embeddb.migrate(store.url)
    assert (result.before, result.after) == (head(), head())
    assert catalog(store.url) == before
    assert docs.search("a cat", 1)[0].id == "a"


@pytest.mark.parametrize("schema", ["embeddb", QUOTED])
def test_the_offline_sql_makes_the_same_schema(
    empty_database: str, database: str, schema: str
) -> None:
    with session(empty_database) as connection:
        connection.execute(offline_sql(schema).encode())
    embeddb.migrate(database, schema=schema)
    online = catalog(database, schema)
    assert all(online.values())
    assert catalog(empty_database, schema) == online
    with embeddb.connect(empty_database, schema=schema) as store:
        assert store.collections() == []
    assert embeddb.migrate(empty_database, schema=schema).before == head()


def test_down_and_up_again_gives_the_same_schema(database: str) -> None:
    before = catalog(database)
    down = embeddb.migrate(database, revision="base")
    assert (down.before, down.after) == (head(), None)
    left = catalog(database)
    assert {row[0] for row in left["columns"]} == {"alembic_version"}
    assert left["functions"] == []
    with pytest.raises(SchemaMissingError):
        embeddb.connect(database)
    assert embeddb.migrate(database, revision="base").after is None
    up = embeddb.migrate(database)
    assert (up.before, up.after) == (None, head())
    assert catalog(database) == before


def test_going_down_is_refused_while_there_are_collections(store: embeddb.Store) -> None:
    docs = store.create_collection("docs", model=HashEncoder())
    docs.add(DOCUMENTS)
    before = catalog(store.url)
    with pytest.raises(MigrationError, match="embeddb collection drop"):
        embeddb.migrate(store.url, revision="base")
    assert catalog(store.url) == before
    with embeddb.connect(store.url) as again:
        assert again.collection("docs").count() == 2
    store.drop_collection("docs")
    assert embeddb.migrate(store.url, revision="base").after is None


@pytest.mark.parametrize(
    "harm",
    [
        "DROP FUNCTION embeddb.filter_path",
        "CREATE OR REPLACE FUNCTION embeddb.filter_path(_filter jsonb) RETURNS jsonpath "
        "LANGUAGE sql AS $$ SELECT '1 == 0'::jsonpath $$",
        "DROP FUNCTION embeddb.docs_search(vector, integer, jsonb, float8)",
        "CREATE OR REPLACE FUNCTION embeddb.filter_path(_filter jsonb) RETURNS jsonpath "
        "LANGUAGE sql AS $$ SELECT '1 == 0'::jsonpath $$; "
        "DROP FUNCTION embeddb.docs_search(text, integer, jsonb, float8, text)",
    ],
    ids=["dropped", "replaced", "a collection's", "both"],
)
def test_functions_are_put_right(store: embeddb.Store, harm: str) -> None:
    docs = store.create_collection("docs", model=HashEncoder())
    docs.add([{"id": "a", "content": "a cat", "metadata": {"year": 2020}}])
    before = catalog(store.url)
    rows(store.url, harm)
    assert catalog(store.url) != before
    embeddb.migrate(store.url)
    assert catalog(store.url) == before
    assert docs.search("a cat", 1, filter={"year": 2020})[0].id == "a"


def test_eight_migrations_at_once_apply_once(empty_database: str) -> None:
    with ThreadPoolExecutor(8) as threads:
        results = list(threads.map(embeddb.migrate, [empty_database] * 8))
    assert sorted([result.before for result in results], key=str) == [*[head()] * 7, None]
    assert {result.after for result in results} == {head()}
    assert rows(empty_database, "SELECT version_num FROM embeddb.alembic_version") == [(head(),)]


def test_databases_and_schemas_may_be_migrated_at_the_same_time(
    empty_database: str, database: str
) -> None:
    expected = catalog(database)
    targets = [(url, f"s{n}") for n in range(4) for url in (empty_database, database)]
    with ThreadPoolExecutor(8) as threads:
        runs = [threads.submit(embeddb.migrate, url, schema=name) for url, name in targets]
        assert {(run.result().before, run.result().after) for run in runs} == {(None, head())}
    for url, name in targets:
        found = catalog(url, name)
        assert found["columns"] == expected["columns"]
        assert len(found["functions"]) == len(expected["functions"])


def test_a_schema_of_a_newer_package_says_upgrade(database: str) -> None:
    rows(database, "UPDATE embeddb.alembic_version SET version_num = '9999'")
    before = catalog(database)
    with pytest.raises(SchemaOutdatedError, match=r"9999.*upgrade the package"):
        embeddb.connect(database)
    for revision in ("head", "base", "0001"):
        with pytest.raises(MigrationError, match=r"9999.*upgrade the package"):
            embeddb.migrate(database, revision=revision)
    assert catalog(database) == before
    assert one(database, "SELECT version_num FROM embeddb.alembic_version") == "9999"


def test_a_schema_of_an_older_package_says_migrate(database: str) -> None:
    rows(database, "UPDATE embeddb.alembic_version SET version_num = '0000'")
    with pytest.raises(SchemaOutdatedError, match="run `embeddb migrate`"):
        embeddb.connect(database)


def test_who_may_not_install_pgvector_is_told_what_to_ask_for(empty_database: str) -> None:
    with (
        role(empty_database) as url,
        pytest.raises(PermissionDeniedError, match="CREATE EXTENSION vector;"),
    ):
        embeddb.migrate(url)
    assert rows(empty_database, "SELECT FROM pg_namespace WHERE nspname = 'embeddb'") == []


def test_who_may_not_make_a_schema_is_told_so(empty_database: str) -> None:
    rows(empty_database, "CREATE EXTENSION vector")
    with (
        role(empty_database) as url,
        pytest.raises(PermissionDeniedError, match="Ask the schema's owner"),
    ):
        embeddb.migrate(url)
    assert rows(empty_database, "SELECT FROM pg_namespace WHERE nspname = 'embeddb'") == []


def test_the_owner_of_the_schema_needs_no_right_on_the_database(empty_database: str) -> None:
    rows(empty_database, "CREATE EXTENSION vector")
    with role(empty_database, "CREATE SCHEMA embeddb AUTHORIZATION {}") as url:
        assert embeddb.migrate(url).after == head()
        assert embeddb.migrate(url).before == head()
        with embeddb.connect(url) as store:
            assert store.create_collection("docs", model=HashEncoder()).count() == 0


def test_who_does_not_own_a_search_function_is_told_so(store: embeddb.Store) -> None:
    store.create_collection("docs", model=HashEncoder())
    routines = (
        "SELECT oid::regprocedure::text FROM pg_proc "
        "WHERE pronamespace = 'embeddb'::regnamespace AND proname NOT LIKE 'docs%'"
    )
    grants = (
        "GRANT USAGE, CREATE ON SCHEMA embeddb TO {}",
        "GRANT SELECT ON ALL TABLES IN SCHEMA embeddb TO {}",
        *("ALTER ROUTINE " + one + " OWNER TO {}" for (one,) in rows(store.url, routines)),
        *("ALTER VIEW embeddb." + name + " OWNER TO {}" for name in scripts("views")),
    )
    with role(store.url, *grants) as url, pytest.raises(PermissionDeniedError, match="docs_search"):
        embeddb.migrate(url)


def test_going_down_is_refused_while_there_are_attached_collections(database: str) -> None:
    rows(
        database,
        "INSERT INTO embeddb.collections (name, source) VALUES ('articles', '{\"table\": \"a\"}')",
    )
    with pytest.raises(MigrationError, match="embeddb detach"):
        embeddb.migrate(database, revision="0002")
    rows(database, "DELETE FROM embeddb.collections")
    assert embeddb.migrate(database, revision="0002").after == "0002"
    assert embeddb.migrate(database).after == head()


def test_documents_of_older_schemas_get_a_source_with_the_next_ingest(
    store: embeddb.Store, tmp_path: Path
) -> None:
    (tmp_path / "a.md").write_text("a cat")
    texts = store.create_collection("docs", model=HashEncoder())
    vectors = store.create_collection('My "own" 100%', model=None, dim=2)
    vectors.add([{"id": "v", "embedding": [1, 0]}])
    texts.ingest(tmp_path)
    grants = ("GRANT USAGE ON SCHEMA embeddb TO {}", "GRANT INSERT ON embeddb.docs TO {}")
    with role(store.url, *grants) as writer:
        indexes = "SELECT indexdef FROM pg_indexes WHERE schemaname = 'embeddb' ORDER BY 1"
        before = rows(store.url, indexes)
        rows(store.url, "UPDATE embeddb.generations SET chunker = chunker - 'version' - 'context'")
        assert embeddb.migrate(store.url, revision="0004").after == "0004"
        old = "SELECT attrelid::regclass::text FROM pg_attribute WHERE attname = 'source_id'"
        assert rows(store.url, old + " AND NOT attisdropped") == []
        assert embeddb.migrate(store.url).after == head()
        assert rows(store.url, indexes) == before
        may = "SELECT has_table_privilege('embeddb.sources', 'SELECT, INSERT, UPDATE')"
        assert rows(writer, may) == [(True,)]
    with embeddb.connect(store.url) as again:
        docs = again.collection("docs", encoder=HashEncoder())
        (tmp_path / "b.md").write_text("a dog")
        report = docs.ingest(tmp_path, prune=True)
        assert (report.added, report.unchanged, report.deleted) == (1, 1, 0)
        owned = "SELECT id, source_id IS NOT NULL FROM embeddb.docs ORDER BY id"
        assert rows(store.url, owned) == [("a.md", True), ("b.md", True)]
        assert again.collection('My "own" 100%').add([{"id": "v", "embedding": [0, 1]}]).updated


def test_the_status_of_nothing_is_nothing(store: embeddb.Store) -> None:
    assert rows(store.url, "SELECT * FROM embeddb.status") == []
    store.create_collection("docs", model=HashEncoder())
    found = "SELECT name, source, pending, oldest_pending, failed, workers FROM embeddb.status"
    assert rows(store.url, found) == [("docs", None, None, None, None, None)]


def test_a_failing_revision_leaves_nothing_behind(empty_database: str) -> None:
    rows(empty_database, "CREATE SCHEMA embeddb")
    rows(empty_database, "CREATE TABLE embeddb.recall_history (own text)")
    before = catalog(empty_database)
    with pytest.raises(MigrationError, match="recall_history"):
        embeddb.migrate(empty_database)
    assert catalog(empty_database) == before
    rows(empty_database, "DROP TABLE embeddb.recall_history")
    assert embeddb.migrate(empty_database).after == head()


def test_a_failing_function_leaves_nothing_behind(empty_database: str) -> None:
    rows(empty_database, "CREATE SCHEMA embeddb")
    rows(
        empty_database,
        "CREATE FUNCTION embeddb.filter_path(jsonb) RETURNS text LANGUAGE sql AS $$ SELECT '' $$",
    )
    before = catalog(empty_database)
    with pytest.raises(MigrationError, match="return type"):
        embeddb.migrate(empty_database)
    assert catalog(empty_database) == before


def test_a_schema_may_have_a_name_that_needs_quoting(empty_database: str) -> None:
    embeddb.migrate(empty_database, schema=QUOTED)
    with embeddb.connect(empty_database, schema=QUOTED) as store:
        docs = store.create_collection("docs", model=HashEncoder())
        docs.ingest({"id": f"d{i}", "content": f"text {i}", "metadata": {"n": i}} for i in range(9))
        assert docs.search("text 7", 1, filter={"n": {"$gt": 3}})[0].id == "d7"
        assert embeddb.migrate(empty_database, schema=QUOTED).before == head()
        function = sql.Identifier(QUOTED, "docs_search")
        statement = sql.SQL("SELECT id FROM {}({}::vector, 1, {})").format(
            function,
            sql.Literal(str(HashEncoder().encode(["text 7"])[0].tolist())),
            sql.Literal('{"n": 7}'),
        )
        assert one(empty_database, statement) == "d7"
        with pytest.raises(MigrationError):
            embeddb.migrate(empty_database, schema=QUOTED, revision="base")
        store.drop_collection("docs")
    assert embeddb.migrate(empty_database, schema=QUOTED, revision="base").after is None
    assert rows(empty_database, "SELECT FROM pg_namespace WHERE nspname = 'embeddb'") == []


def test_an_ended_migration_gives_its_lock_back(empty_database: str) -> None:
    rows(empty_database, "CREATE SCHEMA embeddb")
    rows(empty_database, "CREATE TABLE embeddb.models ()")
    for _ in range(2):
        with pytest.raises(MigrationError):
            embeddb.migrate(empty_database)
    statement = (
        "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' "
        "AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
    )
    assert one(empty_database, statement) == 0


def test_a_database_that_is_not_there_is_a_typed_error(server_url: str) -> None:
    with pytest.raises(embeddb.EmbedDBError) as caught:
        embeddb.migrate(with_database(server_url, "no_such_database"))
    assert isinstance(caught.value.__cause__, psycopg.Error)


def test_released_revisions_are_frozen() -> None:
    found = {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in VERSIONS.glob("[0-9]*.py")
    }
    released = {name: digest for name, digest in found.items() if name <= max(RELEASED)}
    assert released == RELEASED, "a released revision never changes: add a new one"


def test_collections_that_are_there_get_their_view_of_chunks(store: embeddb.Store) -> None:
    docs = store.create_collection("docs", model=HashEncoder())
    docs.add(DOCUMENTS)
    rows(store.url, "UPDATE embeddb.generations SET chunker = chunker - 'version' - 'context'")
    embeddb.migrate(store.url, revision="0004")
    assert one(store.url, "SELECT to_regclass('embeddb.docs_chunks')") is None
    embeddb.migrate(store.url)
    read = "SELECT id, chunk_no, content FROM embeddb.docs_chunks ORDER BY id"
    assert rows(store.url, read) == [("a", 0, "a cat"), ("b", 0, "a dog")]


def test_chunks_of_collections_from_before_get_a_column_for_their_place(
    store: embeddb.Store,
) -> None:
    made = {name: store.create_collection(name, model=HashEncoder()) for name in ("docs", "no%s")}
    for docs in made.values():
        docs.add(DOCUMENTS)
    with pytest.raises(MigrationError, match=r"2 generation\(s\) are cut in a way"):
        embeddb.migrate(store.url, revision="0004")
    before = catalog(store.url)
    rows(store.url, "UPDATE embeddb.generations SET chunker = chunker - 'version' - 'context'")
    embeddb.migrate(store.url, revision="0004")
    columns = (
        "SELECT count(*) FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid "
        "WHERE attname = 'location' AND relkind = 'r'"
    )
    assert one(store.url, columns) == 0
    embeddb.migrate(store.url)
    assert one(store.url, columns) == 2
    assert {row[:2] for row in catalog(store.url)["columns"]} == {
        row[:2] for row in before["columns"]
    }
    for name in made:
        docs = store.create_collection(name, model=HashEncoder(), exist_ok=True)
        assert docs.search("a cat", 1)[0].location == {}
        assert docs.add([{"id": "c", "content": "a cow"}]).added == 1


def test_backfills_may_take_vectors_from_a_column(database: str) -> None:
    columns = (
        "SELECT count(*) FROM information_schema.columns WHERE table_schema = 'embeddb' "
        "AND table_name = 'backfills' AND column_name = 'embedding_column'"
    )
    rows(database, "CREATE TABLE notes (id int PRIMARY KEY, body text)")
    with embeddb.connect(database) as store:
        store.attach("notes", text="body", model=HashEncoder())
    embeddb.migrate(database, revision="0007")
    assert one(database, columns) == 0
    embeddb.migrate(database)
    assert one(database, columns) == 1
    assert one(database, "SELECT embedding_column IS NULL FROM embeddb.backfills")
