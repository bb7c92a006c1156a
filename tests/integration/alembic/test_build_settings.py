"""A build gets the same from the server, whether embeddb starts it or a migration does."""

from __future__ import annotations

import psycopg
import pytest
import sqlalchemy as sa
from alembic.migration import MigrationContext
from alembic.operations import Operations

import embeddb
from embeddb import HNSW, IVFPQ, IVFFlat
from embeddb.alembic.vector_indexes.operations import CreateVectorIndexOp
from embeddb.repository.indexes import planner
from tests.support.postgres import index_validity, rows, session
from tests.support.vectors import as_documents, clustered

ROWS, DIM = 1_000, 32
VECTORS = clustered(ROWS, DIM, seed=3)

SPY = """
CREATE SCHEMA spy;
CREATE TABLE spy.builds (method text, memory text, workers text);
CREATE FUNCTION spy.spy() RETURNS event_trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO spy.builds VALUES (
        substring(current_query() from 'USING "(\\w+)"'),
        current_setting('maintenance_work_mem'),
        current_setting('max_parallel_maintenance_workers'));
END
$$;
CREATE EVENT TRIGGER spy ON ddl_command_start WHEN TAG IN ('CREATE INDEX')
    EXECUTE FUNCTION spy.spy();
"""


@pytest.fixture
def spied(store: embeddb.Store, monkeypatch: pytest.MonkeyPatch) -> embeddb.Store:
    """A database that notes the settings of each build, on a server that is set to give little."""
    monkeypatch.setattr(planner, "ROWS_PER_WORKER", 100)
    name = psycopg.conninfo.conninfo_to_dict(store.url)["dbname"]
    rows(store.url, SPY)
    for setting, value in (("maintenance_work_mem", "'1MB'"), (planner.WORKERS, "0")):
        rows(store.url, f'ALTER DATABASE "{name}" SET {setting} = {value}')
    return store


def _seen(store: embeddb.Store, method: str | None) -> set[tuple[str, str]]:
    """The memory and the workers of the builds so far, which are forgotten."""
    found = rows(store.url, "DELETE FROM spy.builds RETURNING method, memory, workers")
    return {(memory, workers) for seen, memory, workers in found if seen == method}


def _migrated(url: str, index: HNSW | IVFFlat, *, concurrently: bool) -> None:
    """Build the same index of an application's own table, as a migration does."""
    rows(url, f"CREATE TABLE items (id integer, embedding vector({DIM}))")
    with session(url) as connection, connection.cursor() as cursor:
        values = ([number, str(row.tolist())] for number, row in enumerate(VECTORS))
        cursor.executemany("INSERT INTO items VALUES (%s, %s)", values)
        cursor.execute("ANALYZE items")
    engine = sa.create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
    with engine.connect() as bound:
        context = MigrationContext.configure(bound, opts={"transactional_ddl": True})
        with context.begin_transaction():
            CreateVectorIndexOp.create_vector_index(
                Operations(context),
                "items_embedding_idx",
                "items",
                "embedding",
                method=index.method,
                opclass="vector_cosine_ops",
                with_=index.options(),
                concurrently=concurrently,
            )
    engine.dispose()


# pgvector counts whole blocks of a megabyte, more than so small a graph takes
@pytest.mark.filterwarnings("ignore::embeddb.errors.IndexBuildWarning")
@pytest.mark.parametrize("index", [HNSW(m=24), IVFFlat(lists=10)])
@pytest.mark.parametrize("concurrently", [True, False])
def test_both_ways_to_build_get_the_same(
    spied: embeddb.Store,
    monkeypatch: pytest.MonkeyPatch,
    index: HNSW | IVFFlat,
    concurrently: bool,
) -> None:
    monkeypatch.setattr(planner, "MEMORY_PER_PROCESS", 0)
    docs = spied.create_collection("docs", model=None, dim=DIM, index=None)
    docs.ingest(as_documents(VECTORS))
    docs.create_index(index)
    ((memory, workers),) = _seen(spied, index.method)
    _migrated(spied.url, index, concurrently=concurrently)
    assert _seen(spied, index.method) == {(memory, workers)}
    assert memory.endswith("kB")
    assert 1_024 < int(memory.removesuffix("kB")) < 16_384
    assert int(workers) > 0


def test_an_ivfpq_index_is_built_with_what_its_sorting_takes(spied: embeddb.Store) -> None:
    docs = spied.create_collection("docs", model=None, dim=DIM, index=None)
    docs.ingest(as_documents(VECTORS))
    _seen(spied, None)
    docs.create_index(IVFPQ(lists=10))
    ((memory, workers),) = _seen(spied, None)
    assert int(workers) > 0
    assert memory == f"{32 * (int(workers) + 1)}MB"


FULL = """
CREATE OR REPLACE FUNCTION spy.full() RETURNS event_trigger LANGUAGE plpgsql AS $$
BEGIN
    IF current_setting('max_parallel_maintenance_workers') <> '0' THEN
        RAISE EXCEPTION USING ERRCODE = 'disk_full', MESSAGE =
            'could not resize shared memory segment "/PostgreSQL.1" to 2 bytes: No space left';
    END IF;
END
$$;
CREATE EVENT TRIGGER a_full_disk ON ddl_command_start WHEN TAG IN ('CREATE INDEX')
    EXECUTE FUNCTION spy.full();
"""


def test_a_build_goes_on_alone_where_its_workers_cannot_share_memory(spied: embeddb.Store) -> None:
    docs = spied.create_collection("docs", model=None, dim=DIM, index=None)
    docs.ingest(as_documents(VECTORS))
    rows(spied.url, FULL)
    docs.create_index(HNSW())
    assert {workers for _, workers in _seen(spied, "hnsw")} == {"0"}
    _migrated(spied.url, HNSW(), concurrently=True)
    assert {workers for _, workers in _seen(spied, "hnsw")} == {"0"}
    assert set(index_validity(spied.url).values()) == {True}
