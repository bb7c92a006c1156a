"""What the triggers on an attached table do: jobs for what changed, and nothing of what is gone."""

from __future__ import annotations

import psycopg
import pytest

import embeddb
from embeddb.schema.attached_ddl import EVENTS
from tests.support.attaching import articles, attach, clear, drain, pending, stored, triggers
from tests.support.postgres import one, rows, session


@pytest.fixture
def url(store: embeddb.Store) -> str:
    """A database with ten articles that are attached and encoded."""
    articles(store.url, 10)
    drain(store, attach(store, metadata=["views"]))
    return store.url


def test_new_rows_wait(url: str) -> None:
    rows(url, "INSERT INTO articles (id, title) VALUES (11, 'a'), (12, 'b')")
    assert pending(url) == {"11": 1, "12": 1}
    rows(url, "INSERT INTO articles (id, title) VALUES (12, 'c') ON CONFLICT (id) DO NOTHING")
    assert pending(url) == {"11": 1, "12": 1}
    rows(
        url,
        "INSERT INTO articles (id, title) VALUES (12, 'c'), (13, 'd') "
        "ON CONFLICT (id) DO UPDATE SET title = excluded.title",
    )
    assert pending(url) == {"11": 1, "12": 2, "13": 1}


@pytest.mark.parametrize(
    "change",
    [
        "views = views + 1",
        "status = 'dead'",
        "title = title",
        "title = title || ''",
        "body = concat(body, ''), views = 7",
    ],
)
def test_what_reads_the_same_makes_no_job(url: str, change: str) -> None:
    rows(url, f"UPDATE articles SET {change}")
    assert pending(url) == {}


@pytest.mark.parametrize(
    "change", ["title = 'X'", "body = NULL", "title = upper(title), views = 1"]
)
def test_a_changed_text_makes_a_job_for_its_row_alone(url: str, change: str) -> None:
    rows(url, f"UPDATE articles SET {change} WHERE id IN (2, 3)")
    assert pending(url) == {"2": 1, "3": 1}
    rows(url, "UPDATE articles SET title = 'again' WHERE id = 3")
    assert pending(url) == {"2": 1, "3": 2}
    assert len(stored(url)) == 10


def test_a_change_gives_a_failed_row_another_try_and_takes_the_lease(url: str) -> None:
    rows(
        url,
        "INSERT INTO embeddb.failed_jobs (collection_id, key, version, attempts, error, message) "
        "SELECT id, '2', 1, 5, 'E', 'm' FROM embeddb.collections",
    )
    rows(url, "UPDATE articles SET title = 'new' WHERE id = 2")
    assert one(url, "SELECT count(*) FROM embeddb.failed_jobs") == 0
    rows(
        url,
        "UPDATE embeddb.jobs SET token = gen_random_uuid(), leased_until = now(), attempts = 3, "
        "available_at = now() + '1 day', last_error = 'x'",
    )
    rows(url, "UPDATE articles SET title = 'newer' WHERE id = 2")
    assert rows(
        url,
        "SELECT version, token, leased_until, attempts, last_error, "
        "available_at <= clock_timestamp() FROM embeddb.jobs",
    ) == [(2, None, None, 0, None, True)]


def test_deleted_rows_are_gone_at_once(url: str) -> None:
    rows(url, "UPDATE articles SET title = 'x' WHERE id < 4")
    with session(url) as connection, connection.transaction():
        connection.execute("DELETE FROM articles WHERE id < 3")
        left = connection.execute("SELECT count(*) FROM embeddb.articles_g1").fetchone()
        assert left == (8,)
    assert pending(url) == {"3": 1}
    assert len(stored(url)) == 8


def test_truncating_empties_the_collection(url: str) -> None:
    rows(url, "UPDATE articles SET title = 'x' WHERE id < 4")
    with session(url) as connection, connection.transaction() as transaction:
        connection.execute("TRUNCATE articles")
        left = "SELECT (SELECT count(*) FROM embeddb.articles_g1) + count(*) FROM embeddb.jobs"
        assert connection.execute(left).fetchone() == (0,)
        raise psycopg.Rollback(transaction)
    assert len(stored(url)) == 10
    with session(url) as reader, reader.transaction():
        reader.execute("SELECT count(*) FROM embeddb.articles_g1")  # its lock is not waited for
        rows(url, "TRUNCATE articles")
    assert (stored(url), pending(url)) == ([], {})


def test_another_key_is_an_end_and_a_beginning(url: str) -> None:
    rows(url, "UPDATE articles SET id = id + 100 WHERE id < 3")
    assert pending(url) == {"101": 1, "102": 1}
    assert {"1", "2"}.isdisjoint(stored(url))
    clear(url)
    rows(
        url,
        "ALTER TABLE articles DROP CONSTRAINT articles_pkey, ADD PRIMARY KEY (id) DEFERRABLE;"
        "UPDATE articles SET id = 7 - id WHERE id IN (3, 4)",
    )
    assert pending(url) == {"3": 1, "4": 1}


def test_a_rollback_leaves_nothing(url: str) -> None:
    with session(url) as connection, connection.transaction() as transaction:
        connection.execute("INSERT INTO articles (id, title) VALUES (11, 'a')")
        connection.execute("UPDATE articles SET title = 'x'")
        connection.execute("DELETE FROM articles WHERE id = 1")
        raise psycopg.Rollback(transaction)
    assert pending(url) == {}
    assert len(stored(url)) == 10
    with session(url) as connection, connection.transaction():
        connection.execute("UPDATE articles SET title = 'y' WHERE id = 1")
        with pytest.raises(psycopg.errors.DivisionByZero), connection.transaction():
            connection.execute("UPDATE articles SET title = 'y' WHERE id = 2")
            connection.execute("SELECT 1/0")
    assert pending(url) == {"1": 1}


@pytest.mark.parametrize("level", ["REPEATABLE READ", "SERIALIZABLE"])
def test_any_isolation_level_does(url: str, level: str) -> None:
    with session(url) as connection:
        connection.execute(f"BEGIN ISOLATION LEVEL {level}")
        connection.execute("SELECT count(*) FROM articles")
        rows(url, "UPDATE articles SET title = 'x' WHERE id = 1")
        connection.execute("UPDATE articles SET title = 'x' WHERE id = 2")
        connection.execute("DELETE FROM articles WHERE id = 3")
        connection.execute("COMMIT")
    assert pending(url) == {"1": 1, "2": 1}
    assert "3" not in stored(url)


def test_a_row_takes_part_while_it_meets_the_condition(store: embeddb.Store) -> None:
    articles(store.url, 5)
    found = attach(store, where="articles.status = 'live' AND views > 1")
    drain(store, found)
    url = store.url
    assert stored(url) == ["2", "3", "4", "5"]
    rows(url, "UPDATE articles SET status = 'dead' WHERE id <= 3")
    assert (stored(url), pending(url)) == (["4", "5"], {})
    rows(url, "UPDATE articles SET status = 'live', views = 9 WHERE id <= 2")
    assert pending(url) == {"1": 1, "2": 1}
    rows(url, "UPDATE articles SET title = 'x' WHERE id = 3")
    rows(url, "INSERT INTO articles (id, views, status) VALUES (6, 5, 'dead'), (7, 5, 'live')")
    assert pending(url) == {"1": 1, "2": 1, "7": 1}
    assert found.count() == 5
    assert {document.id for document in found.peek(9)} == {"1", "2", "4", "5", "7"}


@pytest.mark.parametrize("way", ["copy", "update", "delete"])
def test_many_rows_cost_one_call(url: str, way: str) -> None:
    count = 20_000
    with session(url) as connection:
        connection.execute("SET track_functions = 'all'")
        if way == "copy":
            with connection.cursor().copy("COPY articles (id, title) FROM STDIN") as copy:
                for number in range(100, 100 + count):
                    copy.write_row((number, "a"))
        else:
            connection.execute(
                "INSERT INTO articles (id, title) SELECT n, 'a' FROM generate_series(100, %s) n",
                [99 + count],
            )
        if way == "update":
            connection.execute("UPDATE articles SET title = 'b' WHERE id >= 100")
        if way == "delete":
            connection.execute("DELETE FROM articles WHERE id >= 100")
        connection.execute("SELECT pg_stat_force_next_flush()")
    calls: dict[str, int] = dict(
        rows(
            url,
            "SELECT funcname::text, calls FROM pg_stat_user_functions "
            "WHERE funcname LIKE 'articles_on_%%' AND schemaname = %s",
            ["embeddb"],
        )
    )
    assert calls == {"articles_on_insert": 1} | ({} if way == "copy" else {f"articles_on_{way}": 1})
    assert len(pending(url)) == (0 if way == "delete" else count)


def test_a_plan_made_for_one_row_serves_many(url: str) -> None:
    with session(url) as connection:
        connection.execute(
            "INSERT INTO articles (id, title) SELECT n, 'a' FROM generate_series(100, 20000) n"
        )
        for number in range(10):
            connection.execute("UPDATE articles SET title = 'b' WHERE id = %s", [100 + number])
            connection.execute("DELETE FROM articles WHERE id = %s", [200 + number])
        connection.execute("SET statement_timeout = '20s'")
        connection.execute("UPDATE articles SET title = 'c'")
        connection.execute("DELETE FROM articles WHERE id > 100")


def test_a_cascade_and_a_merge_are_followed(url: str) -> None:
    rows(
        url,
        "CREATE TABLE authors (id bigint PRIMARY KEY);"
        "INSERT INTO authors VALUES (1), (2);"
        "ALTER TABLE articles ADD COLUMN author bigint REFERENCES authors ON DELETE CASCADE;"
        "UPDATE articles SET author = 1 WHERE id < 4;"
        "DELETE FROM authors WHERE id = 1",
    )
    assert {"1", "2", "3"}.isdisjoint(stored(url))
    rows(
        url,
        "MERGE INTO articles a USING (VALUES (4), (5), (99)) v (id) ON a.id = v.id "
        "WHEN MATCHED AND v.id = 4 THEN DELETE WHEN MATCHED THEN UPDATE SET title = 'm' "
        "WHEN NOT MATCHED THEN INSERT (id, title) VALUES (v.id, 'm')",
    )
    assert pending(url) == {"5": 1, "99": 1}
    assert "4" not in stored(url)


def test_partitions_are_followed_each(store: embeddb.Store) -> None:
    url = store.url
    rows(
        url,
        "CREATE TABLE logs (id bigint, day date, body text, PRIMARY KEY (id, day)) "
        "PARTITION BY RANGE (day);"
        "CREATE TABLE logs_1 PARTITION OF logs FOR VALUES FROM ('2024-01-01') TO ('2024-02-01');"
        "CREATE TABLE logs_2 (day date NOT NULL, junk int, body text, id bigint NOT NULL);"
        "ALTER TABLE logs_2 DROP COLUMN junk;"
        "ALTER TABLE logs ATTACH PARTITION logs_2 FOR VALUES FROM ('2024-02-01') TO ('2024-03-01');"
        "INSERT INTO logs SELECT n, '2024-01-01'::date + n, 'word' || n "
        "FROM generate_series(1, 50) n",
    )
    found = attach(store, "logs", "body")
    drain(store, found)
    assert found.count() == 50
    rows(url, "UPDATE logs SET body = 'x' WHERE id = 1")
    rows(url, "UPDATE logs_2 SET body = 'x' WHERE id = 40")
    rows(url, "INSERT INTO logs_1 VALUES (60, '2024-01-05', 'new')")
    rows(url, "UPDATE logs SET day = '2024-02-20' WHERE id = 2")
    assert set(pending(url, "logs")) == {
        '["1", "2024-01-02"]',
        '["40", "2024-02-10"]',
        '["60", "2024-01-05"]',
        '["2", "2024-02-20"]',
    }
    assert '["2", "2024-01-03"]' not in stored(url, "logs_g1")
    rows(url, "DELETE FROM logs_1 WHERE id = 5; TRUNCATE logs_2")
    assert len(stored(url, "logs_g1")) == 28
    drain(store, found)
    rows(url, "TRUNCATE logs")
    assert stored(url, "logs_g1") == []
    store.detach("logs")
    assert [triggers(url, name) for name in ("logs", "logs_1", "logs_2")] == [[], [], []]


def test_text_is_compared_as_it_reads(store: embeddb.Store) -> None:
    rows(
        store.url,
        "CREATE TABLE t (id int PRIMARY KEY, a text, n numeric, j json, d json);"
        "INSERT INTO t VALUES (1, 'a', 1.0, '1', '1'), (2, 'a', 1.0, '1', '1')",
    )
    attach(store, "t", ["a", "n", "j"])
    for change in ("a = 'A'", "n = 1.00", "j = '1 '"):
        rows(store.url, f"UPDATE t SET {change} WHERE id = 1")
    rows(store.url, "UPDATE t SET d = '2', j = '1'::json WHERE id = 2")
    assert pending(store.url, "t") == {"1": 3}


@pytest.mark.parametrize(
    "harm",
    [
        "ALTER TABLE articles RENAME COLUMN title TO headline",
        "ALTER TABLE articles RENAME COLUMN id TO no",
        "ALTER TABLE articles DROP COLUMN body CASCADE",
        "ALTER TABLE articles RENAME TO papers",
        "DROP VIEW embeddb.articles",
    ],
)
def test_the_application_goes_on_whatever_becomes_of_its_columns(url: str, harm: str) -> None:
    rows(url, harm)
    table = "papers" if "papers" in harm else "articles"
    key = "no" if "TO no" in harm else "id"
    title = "headline" if "headline" in harm else "title"
    rows(url, f"INSERT INTO {table} ({key}, {title}) VALUES (20, 'new')")
    rows(url, f"UPDATE {table} SET {title} = 'other' WHERE {key} = 3")
    rows(url, f"UPDATE {table} SET {key} = 30 WHERE {key} = 4")
    rows(url, f"DELETE FROM {table} WHERE {key} = 5")
    if key == "id":
        assert set(pending(url)) == {"20", "3", "30"}
        assert {"4", "5"}.isdisjoint(stored(url))
    rows(url, f"TRUNCATE {table}")
    assert stored(url) == []


def test_a_declared_column_is_not_dropped_unseen(url: str) -> None:
    with pytest.raises(psycopg.errors.DependentObjectsStillExist, match="articles"):
        rows(url, "ALTER TABLE articles DROP COLUMN body")
    with pytest.raises(psycopg.errors.FeatureNotSupported, match="articles"):
        rows(url, "ALTER TABLE articles ALTER COLUMN body TYPE varchar(100)")
    rows(url, "ALTER TABLE articles DROP COLUMN status")


def test_a_condition_that_fails_on_a_row_fails_no_write(store: embeddb.Store) -> None:
    articles(store.url, 3)
    found = attach(store, where="10 / views > 0")
    url = store.url
    rows(url, "INSERT INTO articles (id, views) VALUES (11, 0), (12, 1)")
    rows(url, "UPDATE articles SET title = 'x', views = 0 WHERE id = 1")
    assert set(pending(url)) == {"11", "12", "1"}
    from embeddb.repository.attached.rows import SourceRows

    source = SourceRows(store.database, found.record)
    with store.database.connection() as connection:
        assert source.page(connection, None, 9)[0] == ["1", "2", "3", "11", "12"]


def test_nobody_s_search_path_or_tables_change_what_a_trigger_does(store: embeddb.Store) -> None:
    articles(store.url, 3)
    found = attach(store, text="lower(title)", where="length(title) > 0")
    drain(store, found)
    url = store.url
    rows(
        url,
        "CREATE SCHEMA evil;"
        "CREATE FUNCTION evil.length(text) RETURNS int LANGUAGE plpgsql AS "
        "'BEGIN RAISE EXCEPTION ''hijacked''; END';"
        "CREATE FUNCTION evil.lower(text) RETURNS text LANGUAGE plpgsql AS "
        "'BEGIN RAISE EXCEPTION ''hijacked''; END';"
        "CREATE FUNCTION evil.same(text, text) RETURNS boolean LANGUAGE plpgsql AS "
        "'BEGIN RAISE EXCEPTION ''hijacked''; END';"
        "CREATE OPERATOR evil.= (LEFTARG = text, RIGHTARG = text, FUNCTION = evil.same)",
    )
    from tests.support.attaching import query

    with session(url) as connection:
        connection.execute("SET search_path = evil, pg_catalog, public")
        connection.execute("CREATE TEMPORARY TABLE jobs (x int)")
        connection.execute("CREATE TEMPORARY TABLE new_rows (x int)")
        connection.execute("UPDATE articles SET title = title OPERATOR(pg_catalog.||) 'x'")
        connection.execute("INSERT INTO articles (id, title) VALUES (9, 'n')")
        connection.execute("DELETE FROM articles WHERE id = 1")
        for name in ("search(%s::public.vector, 3)", "search(%s::public.vector, 3, '{}')"):
            found_rows = connection.execute(
                f"SELECT id FROM embeddb.articles_{name}".encode(),
                [str(query("title").tolist())],
            )
            assert len(found_rows.fetchall()) == 2
        connection.execute("SELECT * FROM embeddb.articles_similar(2, 3)")
        connection.execute("SELECT * FROM embeddb.articles, embeddb.status")
    assert set(pending(url)) == {"2", "3", "9"}
    unpinned = one(
        url,
        "SELECT count(*) FROM pg_proc WHERE pronamespace = 'embeddb'::regnamespace "
        "AND prosecdef AND NOT 'search_path=pg_catalog, pg_temp' = ANY (proconfig)",
    )
    assert unpinned == 0
    assert len(EVENTS) == one(
        url,
        "SELECT count(*) FROM pg_proc WHERE pronamespace = 'embeddb'::regnamespace AND prosecdef "
        "AND proname LIKE 'articles%'",
    )
