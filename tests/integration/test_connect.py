"""Opening a store: on a URL, on the caller's own pool or engine, and on what is not there."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import psycopg
import pytest
import sqlalchemy as sa
from psycopg import ClientCursor
from psycopg.rows import dict_row
from psycopg_pool import ConnectionPool

import embeddb
from embeddb.errors import (
    CollectionNotFoundError,
    ConfigurationError,
    DatabaseUnavailableError,
    SchemaMissingError,
    SchemaOutdatedError,
    UnsupportedServerError,
)
from tests.conftest import DSN_VARIABLE
from tests.support.cli import failed, run
from tests.support.encoders import HashEncoder, with_database
from tests.support.postgres import all_sessions_end, role, rows
from tests.support.vectors import as_documents, clustered

NEAR = np.ones(4, dtype=np.float32)


def _use(store: embeddb.Store) -> None:
    """Go through every way that a store uses a connection."""
    docs = store.create_collection("used", model=None, dim=4)
    docs.ingest(as_documents(clustered(30, 4)))
    docs.add(as_documents(clustered(31, 4)))
    assert len(docs.search(NEAR, 5, filter={"even": True})) == 5
    assert docs.search_many([NEAR, NEAR], 3)[1] == docs.search(NEAR, 3)
    assert docs.get(["v1"])[0].metadata["number"] == 1
    assert docs.count({"even": True}) == 16
    assert docs.similar("v1", 2)
    assert docs.recall(sample=5).sample == 5
    assert "Sort" in docs.explain(NEAR)
    assert "SELECT" in docs.sql(NEAR)
    assert docs.delete(ids=["v1"]) == 1
    docs.create_index(embeddb.IVFFlat())
    store.drop_collection("used")


@pytest.mark.parametrize(
    "options",
    [
        pytest.param({}, id="as it comes"),
        pytest.param({"autocommit": True}, id="autocommit"),
        pytest.param({"row_factory": dict_row}, id="rows as dicts"),
        pytest.param({"cursor_factory": ClientCursor}, id="cursors of the client"),
        pytest.param({"prepare_threshold": None}, id="nothing prepared"),
    ],
)
def test_a_pool_of_the_caller_s_gets_its_connection_back_as_it_was(
    database: str, options: dict[str, object]
) -> None:
    with ConnectionPool(database, min_size=1, max_size=1, kwargs=options, timeout=5) as pool:
        with pool.connection() as connection:
            kept = connection
            before = _traits(connection)
            connection.execute("SET work_mem TO '5MB'")
        with embeddb.connect(pool) as store:
            _use(store)
        with pool.connection() as connection:
            assert connection is kept
            assert _traits(connection) == before
            cursor = psycopg.Cursor(connection, row_factory=psycopg.rows.tuple_row)
            assert cursor.execute("SHOW work_mem").fetchone() == ("5MB",)


def _traits(connection: psycopg.Connection) -> tuple[object, ...]:
    return (
        connection.autocommit,
        connection.row_factory,
        connection.cursor_factory,
        connection.prepare_threshold,
        connection.isolation_level,
        connection.info.transaction_status,
    )


def test_a_pool_may_keep_its_address_among_its_options(database: str) -> None:
    options = psycopg.conninfo.conninfo_to_dict(database)
    with (
        ConnectionPool(min_size=1, max_size=1, kwargs=options, timeout=5) as pool,
        embeddb.connect(pool) as store,
    ):
        _use(store)
        assert psycopg.conninfo.conninfo_to_dict(store.url) == options


def test_a_pool_that_is_the_caller_s_stays_open(database: str) -> None:
    with ConnectionPool(database, min_size=1, max_size=1) as pool:
        embeddb.connect(pool).close()
        assert not pool.closed


def test_an_engine_of_the_caller_s_is_as_good(database: str) -> None:
    url = sa.make_url(database).set(drivername="postgresql+psycopg")
    engine = sa.create_engine(url, pool_size=1, max_overflow=0, pool_timeout=5)
    try:
        with embeddb.connect(engine) as store:
            _use(store)
        with engine.connect() as connection:
            driver = connection.connection.driver_connection
            assert driver is not None
            assert driver.autocommit is False
            assert connection.execute(sa.text("SELECT 1")).scalar() == 1
    finally:
        engine.dispose()


def test_an_engine_of_another_driver_is_refused_at_once() -> None:
    engine = sa.create_engine("sqlite://")
    with pytest.raises(ConfigurationError, match=r"pysqlite.*postgresql\+psycopg"):
        embeddb.connect(engine)


def test_a_store_without_prepared_statements_works(database: str) -> None:
    with embeddb.connect(database, prepare=False) as store:
        _use(store)


def test_closing_a_store_ends_its_sessions(database: str) -> None:
    store = embeddb.connect(database)
    _use(store)
    store.close()
    assert all_sessions_end(database)


@contextmanager
def _deaf_port(*, listening: bool) -> Iterator[int]:
    """Return a port of this machine where nobody answers."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        if listening:
            server.listen()
        yield server.getsockname()[1]


def test_a_migration_closes_what_it_opens(store: embeddb.Store) -> None:
    store.create_collection("docs", model=None, dim=3)
    store.close()
    embeddb.migrate(store.url)
    assert all_sessions_end(store.url)


def test_a_server_that_is_not_there_is_named_without_its_password() -> None:
    with _deaf_port(listening=False) as port:
        url = f"postgresql://me:secret@127.0.0.1:{port}/mine"
        with pytest.raises(DatabaseUnavailableError) as caught:
            embeddb.connect(url)
    assert "127.0.0.1" in str(caught.value)
    assert "secret" not in str(caught.value)


def test_a_server_that_never_answers_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("embeddb.db.session.CONNECT_TIMEOUT_SECONDS", 2)
    with _deaf_port(listening=True) as port, pytest.raises(DatabaseUnavailableError):
        embeddb.connect(f"postgresql://me@127.0.0.1:{port}/mine")


def test_a_url_that_makes_no_sense_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="connection string"):
        embeddb.connect("postgresql://[nonsense")


def test_a_database_that_is_not_there_is_named(server_url: str) -> None:
    with pytest.raises(DatabaseUnavailableError, match="no_such_database"):
        embeddb.connect(with_database(server_url, "no_such_database"))


def test_a_database_without_pgvector_is_told_apart(empty_database: str) -> None:
    rows(empty_database, "DROP EXTENSION IF EXISTS vector")
    with pytest.raises(UnsupportedServerError, match="CREATE EXTENSION vector"):
        embeddb.connect(empty_database)


def test_a_database_without_the_schema_says_migrate(empty_database: str) -> None:
    rows(empty_database, "CREATE EXTENSION IF NOT EXISTS vector")
    with pytest.raises(SchemaMissingError, match="embeddb migrate"):
        embeddb.connect(empty_database)
    statement = "SELECT count(*) FROM pg_namespace WHERE nspname = 'embeddb'"
    assert rows(empty_database, statement) == [(0,)]


@pytest.mark.parametrize(
    ("revision", "remedy"), [("0000", "embeddb migrate"), ("9999", "upgrade the package")]
)
def test_a_schema_of_another_version_says_so(database: str, revision: str, remedy: str) -> None:
    rows(database, "UPDATE embeddb.alembic_version SET version_num = %s", [revision])
    with pytest.raises(SchemaOutdatedError, match=remedy):
        embeddb.connect(database)


def test_the_schema_may_have_any_name(empty_database: str) -> None:
    for schema in ("search", 'My "own" 100% schema; --', "Ünïcode schema", "embeddb"):
        embeddb.migrate(empty_database, schema=schema)
        with embeddb.connect(empty_database, schema=schema) as store:
            _use(store)
            docs = store.create_collection("docs", model=HashEncoder())
            docs.add([{"id": "a", "content": "in the schema " + schema}])
            assert docs.search("the schema", filter={"x": {"$exists": False}})[0].id == "a"
    for schema in ("search", "embeddb"):
        with embeddb.connect(empty_database, schema=schema) as store:
            assert store.collection("docs", encoder=HashEncoder()).count() == 1


def test_pgvector_may_be_installed_in_another_schema(empty_database: str) -> None:
    rows(empty_database, "DROP EXTENSION IF EXISTS vector")
    rows(empty_database, 'CREATE SCHEMA "the extensions"')
    rows(empty_database, 'CREATE EXTENSION vector SCHEMA "the extensions"')
    embeddb.migrate(empty_database)
    with embeddb.connect(empty_database) as store:
        _use(store)
        for storage in ("vector", "halfvec"):
            docs = store.create_collection(storage, model=None, dim=4, storage=storage)
            docs.add(as_documents(clustered(20, 4)))
            found = rows(
                empty_database,
                f"SELECT id FROM embeddb.{storage}_search('[1,1,1,1]'::\"the extensions\".vector)",
            )
            assert [row[0] for row in found] == [hit.id for hit in docs.search(NEAR)]
            embedding = docs.get(["v1"], embeddings=True)[0].embedding
            assert embedding is not None
            assert embedding.shape == (4,)


def test_a_pool_may_be_older_than_the_import_of_embeddb(database: str) -> None:
    """A connection copies psycopg's adapters when it is first used."""
    script = """if True:
        import sys
        from psycopg_pool import ConnectionPool
        with ConnectionPool(sys.argv[1], min_size=1, max_size=1) as pool:
            with pool.connection() as connection:
                connection.execute("SELECT 1")
            import embeddb
            with embeddb.connect(pool) as store:
                docs = store.create_collection("docs", model=None, dim=2)
                docs.add([{"id": "a", "embedding": [0, 1]}])
                print(docs.search([0, 1])[0].id)
    """
    command = [sys.executable, "-c", script, database]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.stdout == "a\n", result.stderr


def test_a_store_is_opened_without_what_only_some_calls_need(database: str) -> None:
    """Importing Alembic takes a third of a second, and PyTorch several."""
    script = "import sys, embeddb; embeddb.connect(sys.argv[1]).close(); print(*sys.modules)"
    command = [sys.executable, "-c", script, database]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    assert not {"alembic", "torch", "transformers"} & set(result.stdout.split())


# mistyped names


def _schemas(url: str) -> list[str]:
    return [row[0] for row in rows(url, "SELECT nspname FROM pg_namespace")]


@pytest.mark.skipif(DSN_VARIABLE in os.environ, reason="the embedded server is not used")
def test_a_mistyped_schema_of_the_embedded_server_is_not_created(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with embeddb.connect() as store:
        url = store.url
    with pytest.raises(SchemaMissingError, match=r"'embedb_typo'.*Did you mean 'embeddb'"):
        embeddb.connect(schema="embedb_typo")
    monkeypatch.setenv("EMBEDDB_SCHEMA", "embedb_typo")
    with pytest.raises(SchemaMissingError, match="migrate --schema embedb_typo"):
        embeddb.connect()
    for command in ("search notes x", "collection list", "status", "ingest notes -", "worker"):
        ran = run(*command.split(), "--schema", "embedb_typo", input="")
        assert "Did you mean 'embeddb'?" in failed(ran)
    assert "embedb_typo" not in _schemas(url)


@pytest.mark.skipif(DSN_VARIABLE in os.environ, reason="the embedded server is not used")
def test_another_schema_of_the_embedded_server_is_made_by_migrate() -> None:
    schema = "of a test"
    try:
        result = embeddb.migrate(schema=schema)
        assert result.before is None
        with embeddb.connect(schema=schema) as store:
            assert store.collections() == []
    finally:
        with embeddb.connect() as store:
            rows(store.url, 'DROP SCHEMA "of a test" CASCADE')


def test_a_mistyped_database_is_answered_with_its_name(database: str) -> None:
    name = psycopg.conninfo.conninfo_to_dict(database)["dbname"]
    wrong = psycopg.conninfo.make_conninfo(database, dbname=f"{name}x")
    with pytest.raises(DatabaseUnavailableError, match=f"Did you mean '{name}'"):
        embeddb.connect(wrong)
    with pytest.raises(DatabaseUnavailableError, match="no database"):
        embeddb.migrate(wrong)


def test_a_mistyped_collection_is_answered_with_its_name(store: embeddb.Store) -> None:
    with pytest.raises(CollectionNotFoundError, match="none was created yet"):
        store.collection("notes")
    for n in range(30):
        store.create_collection(f"n{n}", model=None, dim=1)
    store.create_collection("zettel", model=None, dim=1)
    with pytest.raises(CollectionNotFoundError, match=r"'n0', .*, …\. Did you mean 'zettel'"):
        store.collection("zetel")
    with role(store.url) as url:
        name = str(psycopg.conninfo.conninfo_to_dict(url)["user"])
        with pytest.raises(CollectionNotFoundError, match="Did you mean 'zettel'"):
            store.grant("reader", name, ["Zettel"])
