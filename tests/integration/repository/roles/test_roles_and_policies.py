"""Readers under row-level security, and roles that try what they may not."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import psycopg
import pytest

import embeddb
from embeddb.worker import Worker, WorkerOptions
from tests.support.attaching import articles, attach, drain, query
from tests.support.encoders import HashEncoder
from tests.support.postgres import one, rows, session
from tests.support.privileges import as_role, roles

TENANTS = 300
ROWS = 6_000
MINE = ROWS // TENANTS


@pytest.fixture(params=["flat", "partitions", "partial"])
def notes(store: embeddb.Store, request: pytest.FixtureRequest) -> embeddb.Collection:
    """Notes of 300 tenants, attached, as one table of chunks, by partitions or partial indexes."""
    rows(
        store.url,
        "CREATE TABLE notes (id bigint PRIMARY KEY, tenant int NOT NULL, body text);"
        "CREATE INDEX ON notes (tenant);"
        "ALTER TABLE notes ENABLE ROW LEVEL SECURITY;"
        "CREATE POLICY own ON notes USING (tenant = current_setting('app.tenant')::int)",
    )
    rows(
        store.url,
        "INSERT INTO notes SELECT n, n %% 300, 'note word' || n %% 977 || ' word' || n %% 41 "
        "FROM generate_series(1, %s) n",
        [ROWS],
    )
    layout = {
        "flat": None,
        "partitions": embeddb.HashPartitions("tenant", 4),
        "partial": embeddb.PartialIndexes("tenant", (7, 8)),
    }[request.param]
    made = attach(store, "notes", "body", metadata=["tenant"], layout=layout)
    report = Worker(store, WorkerOptions(once=True), encoders={"notes": HashEncoder()}).run()
    assert report.succeeded, report
    return store.collection(made.name, encoder=HashEncoder())


@pytest.fixture
def reader(store: embeddb.Store, notes: embeddb.Collection) -> Iterator[str]:
    """The URL of a reader of the tenant 7."""
    with roles(store.url, "reader") as made:
        assert store.grant("reader", made["reader"], with_source=True).needs == ()
        rows(store.url, f'ALTER ROLE "{made["reader"]}" SET app.tenant = 7')
        yield as_role(store.url, made["reader"])


def test_a_tenant_finds_all_that_is_his_and_nothing_else(store: embeddb.Store, reader: str) -> None:
    mine = {str(row[0]) for row in rows(store.url, "SELECT id FROM notes WHERE tenant = 7")}
    assert len(mine) == MINE
    with embeddb.connect(reader) as reading:
        found = reading.collection("notes", encoder=HashEncoder())
        assert (found.count(), found.count_chunks()) == (MINE, MINE)
        assert reading.sizes("notes")[:2] == (MINE, MINE)
        for number in range(10):
            text = f"word{number} word{number % 41}"
            exact = found.search(text, 10, exact=True)
            for filter in (None, {"tenant": 7}):
                hits = found.search(text, 10, filter=filter)
                assert {hit.id for hit in hits} <= mine
                assert np.allclose([h.distance for h in hits], [h.distance for h in exact])
                assert len(hits) == 10
            assert found.search(text, 10, filter={"tenant": 8}) == []
        assert {hit.id for hit in found.search("word1", 1000)} == mine
    vector = str(query("word8 word8").tolist())
    for statement in (
        "SELECT id FROM embeddb.notes_search(%s::vector, 1000)",
        "SELECT id FROM embeddb.notes_search(%s::vector, 1000, '{\"tenant\": 7}')",
        "SELECT id::bigint FROM embeddb.search('notes', %s::vector, 1000)",
    ):
        assert {str(row[0]) for row in rows(reader, statement, [vector])} == mine
    other = "SELECT id FROM embeddb.notes_search(%s::vector, 1000, '{\"tenant\": 8}')"
    assert rows(reader, other, [vector]) == []
    assert one(reader, "SELECT count(*) FROM embeddb.notes_g1") == MINE
    hidden = one(
        reader,
        "SELECT pending IS NULL AND failed IS NULL AND last_error IS NULL AND "
        "backfill_done IS NULL AND backfill_total IS NULL FROM embeddb.status",
    )
    assert hidden is True
    for table in ("jobs", "failed_jobs", "backfills", "workers", "encode_requests"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            rows(reader, f"SELECT * FROM embeddb.{table}")
    for relation in rows(
        store.url,
        "SELECT c.relname FROM pg_class c JOIN pg_inherits i ON i.inhrelid = c.oid "
        "WHERE i.inhparent = 'embeddb.notes_g1'::regclass",
    ):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            rows(reader, f"SELECT * FROM embeddb.{relation[0]}")


HOSTILE = """
    CREATE SCHEMA hostile;
    CREATE TABLE hostile.hits (what text, who text DEFAULT current_user);
    GRANT ALL ON SCHEMA hostile TO PUBLIC;
    GRANT ALL ON hostile.hits TO PUBLIC;
    CREATE FUNCTION hostile.caught(what text) RETURNS void LANGUAGE sql SECURITY INVOKER AS
        'INSERT INTO hostile.hits (what) VALUES (what)';
    CREATE FUNCTION hostile.format(text, VARIADIC text[]) RETURNS text LANGUAGE plpgsql AS
        'BEGIN PERFORM hostile.caught(''format''); RETURN ''''; END';
    CREATE FUNCTION hostile.pg_notify(text, text) RETURNS void LANGUAGE sql AS
        'SELECT hostile.caught(''pg_notify'')';
    CREATE FUNCTION hostile.clock_timestamp() RETURNS timestamptz LANGUAGE plpgsql AS
        'BEGIN PERFORM hostile.caught(''clock_timestamp''); RETURN now(); END';
    CREATE FUNCTION hostile.text_eq(text, text) RETURNS boolean LANGUAGE plpgsql AS
        'BEGIN PERFORM hostile.caught(''=''); RETURN true; END';
    CREATE OPERATOR hostile.= (LEFTARG = text, RIGHTARG = text, FUNCTION = hostile.text_eq);
    CREATE OPERATOR hostile.|| (LEFTARG = text, RIGHTARG = text, FUNCTION = hostile.text_eq);
    CREATE FUNCTION hostile.int_eq(bigint, bigint) RETURNS boolean LANGUAGE plpgsql AS
        'BEGIN PERFORM hostile.caught(''int =''); RETURN true; END';
    CREATE OPERATOR hostile.= (LEFTARG = bigint, RIGHTARG = bigint, FUNCTION = hostile.int_eq);
    CREATE TABLE hostile.jobs (LIKE embeddb.jobs);
    CREATE TABLE hostile.collections (LIKE embeddb.collections);
    GRANT ALL ON ALL TABLES IN SCHEMA hostile TO PUBLIC;
"""
PATH = "SET search_path = hostile, pg_temp, pg_catalog, public"


def test_no_search_path_changes_what_functions_do(store: embeddb.Store) -> None:
    articles(store.url, 30)
    drain(store, attach(store, metadata=["views"]))
    rows(store.url, HOSTILE)
    vector = str(query("word7").tolist())
    with roles(store.url, "app", "reader") as made:
        store.grant("reader", made["reader"], with_source=True)
        app, reader = as_role(store.url, made["app"]), as_role(store.url, made["reader"])
        database = one(store.url, "SELECT current_database()")
        for role in made.values():
            rows(store.url, f'GRANT TEMPORARY ON DATABASE "{database}" TO "{role}"')
        rows(store.url, f'GRANT SELECT, INSERT, UPDATE, DELETE ON articles TO "{made["app"]}"')
        with session(app) as connection:
            connection.execute("CREATE TEMP TABLE jobs (collection_id bigint, key text)")
            connection.execute("CREATE TEMP TABLE collections (id bigint, name text)")
            connection.execute(PATH)
            connection.execute("INSERT INTO public.articles (id, title, body) VALUES (99, 'a', '')")
            connection.execute(
                "UPDATE public.articles SET body = 'b' WHERE id OPERATOR(pg_catalog.=) 3"
            )
            connection.execute("DELETE FROM public.articles WHERE id OPERATOR(pg_catalog.=) 4")
            assert connection.execute("SELECT FROM pg_temp.jobs").fetchall() == []
        keys = {row[0] for row in rows(store.url, "SELECT key FROM embeddb.jobs")}
        assert {"99", "3"} <= keys
        with session(reader) as connection:
            connection.execute(PATH)
            for statement, values in (
                ("SELECT * FROM embeddb.articles_search(%s::public.vector, 5)", [vector]),
                ("SELECT * FROM embeddb.articles_search(%s::text, 5)", [vector]),
                (
                    "SELECT * FROM embeddb.articles_search(%s::public.vector, 5, "
                    '\'{"views": {"$gte": 0}}\')',
                    [vector],
                ),
                ("SELECT * FROM embeddb.articles_similar(7, 5)", []),
                ("SELECT * FROM embeddb.search('articles', %s::public.vector, 5)", [vector]),
                ("SELECT * FROM embeddb.status", []),
            ):
                assert connection.execute(statement.encode(), values).fetchall()
            with pytest.raises(psycopg.Error, match="worker"):
                connection.execute("SELECT embeddb.encode('articles', 'a cat', 'worker')")
    assert rows(store.url, "SELECT * FROM hostile.hits") == []
    assert rows(store.url, "SELECT * FROM hostile.jobs") == []


def test_a_reader_cannot_have_triggers_write_for_him(store: embeddb.Store) -> None:
    articles(store.url, 10)
    drain(store, attach(store))
    rows(store.url, "CREATE SCHEMA playground; GRANT ALL ON SCHEMA playground TO PUBLIC")
    with roles(store.url, "reader") as made:
        store.grant("reader", made["reader"])
        reader = as_role(store.url, made["reader"])
        rows(reader, "CREATE TABLE playground.mine (id bigint, title text, body text)")
        for event in ("insert", "update", "delete", "truncate"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege, match="articles_on_"):
                rows(
                    reader,
                    f"CREATE TRIGGER t AFTER {event} ON playground.mine "
                    f"FOR EACH STATEMENT EXECUTE FUNCTION embeddb.articles_on_{event}()",
                )
        for statement in (
            "INSERT INTO embeddb.every_collection VALUES ('x')",
            "INSERT INTO embeddb.status (name) VALUES ('x')",
            "CREATE TABLE embeddb.mine ()",
            "CREATE TEMP TABLE mine ()",
        ):
            with pytest.raises(psycopg.Error):
                rows(reader, statement)
        found = rows(
            store.url,
            "SELECT c.relname FROM pg_class c WHERE c.relnamespace = 'embeddb'::regnamespace "
            "AND c.relkind IN ('r', 'p', 'v') "
            "AND has_table_privilege(%s, c.oid, 'INSERT, UPDATE, DELETE, TRUNCATE, TRIGGER')",
            [made["reader"]],
        )
        assert found == []
        rows(store.url, "DROP SCHEMA playground CASCADE")
    assert one(store.url, "SELECT count(*) FROM embeddb.articles_g1") == 10


def test_every_function_is_pinned_or_qualifies_all(store: embeddb.Store) -> None:
    articles(store.url, 1)
    attach(store)
    store.create_collection("docs", model=HashEncoder())
    found = rows(
        store.url,
        "SELECT p.proname, p.prosecdef FROM pg_proc p "
        "WHERE p.pronamespace = 'embeddb'::regnamespace "
        "AND NOT coalesce('search_path=pg_catalog, pg_temp' = ANY (p.proconfig), false)",
    )
    # a procedure that commits cannot have settings; every name in it is qualified
    assert found == [("await_encoding", False)]


def test_a_worker_removes_chunks_that_policies_would_hide(store: embeddb.Store) -> None:
    rows(
        store.url,
        "CREATE TABLE notes (id bigint PRIMARY KEY, tenant int NOT NULL, body text);"
        "ALTER TABLE notes ENABLE ROW LEVEL SECURITY;"
        "CREATE POLICY own ON notes USING (tenant = current_setting('app.tenant', true)::int);"
        "INSERT INTO notes SELECT n, n % 3, 'word' || n FROM generate_series(1, 30) n",
    )
    attach(store, "notes", "body")
    with roles(store.url, "worker") as made:
        store.grant("worker", made["worker"], ["notes"], with_source=True)
        with embeddb.connect(as_role(store.url, made["worker"])) as own:
            working = Worker(own, WorkerOptions(once=True), encoders={"notes": HashEncoder()}).run()
            assert (working.processed, working.problems) == (30, {})
            # a chunk without a row, as a backfill leaves that a delete overtook
            rows(
                store.url,
                "INSERT INTO embeddb.notes_g1 (id, chunk_no, content, span, content_hash, "
                "embedding) SELECT '99', 0, content, span, content_hash, embedding "
                "FROM embeddb.notes_g1 WHERE id = '1';"
                "INSERT INTO embeddb.jobs (collection_id, key) "
                "SELECT id, '99' FROM embeddb.collections",
            )
            again = Worker(own, WorkerOptions(once=True), encoders={"notes": HashEncoder()}).run()
            assert again.processed == 1
    assert one(store.url, "SELECT count(*) FROM embeddb.notes_g1") == 30
