"""Attaching to tables of an application, of whatever shape, and taking it off again."""

from __future__ import annotations

import pytest

import embeddb
from embeddb.errors import (
    AttachError,
    CollectionExistsError,
    ColumnNotFoundError,
    ConfigurationError,
    DatabaseError,
    ExpressionError,
    NoPrimaryKeyError,
    NotATableError,
    PermissionDeniedError,
    TableNotFoundError,
)
from tests.support.attaching import (
    articles,
    attach,
    clear,
    drain,
    facts,
    ours,
    pending,
    query,
    stored,
    triggers,
)
from tests.support.encoders import HashEncoder
from tests.support.postgres import one, role, rows, session


def test_a_table_is_searched_once_its_rows_are_encoded(store: embeddb.Store) -> None:
    articles(store.url, 40)
    found = attach(store, metadata=["views"])
    assert (found.name, found.count(), found.count_chunks()) == ("articles", 40, 0)
    drain(store, found)
    hit = found.search(query("word7"), 1)[0]
    assert (hit.id, hit.content) == ("7", "title 7\n\nabout word7")
    assert hit.metadata == {"views": 7}
    assert found.get(["9", "404", "3"])[0].content == "title 9\n\nabout word9"
    assert [document.id for document in found.get(["9", "404", "3"])] == ["9", "3"]
    assert len(found.peek(3)) == 3
    assert found.similar("7", 3)[0].id != "7"


def test_existing_rows_wait_for_the_workers(store: embeddb.Store) -> None:
    articles(store.url, 3)
    attach(store)
    assert pending(store.url) == {}
    row = rows(store.url, "SELECT last_key, done, finished_at FROM embeddb.backfills")
    assert row == [(None, 0, None)]
    assert rows(store.url, "SELECT name, source, pending, failed FROM embeddb.status") == [
        ("articles", "public.articles", 0, 0)
    ]


KEYS = {
    "smallint": ("smallint", "n::smallint", "3"),
    "integer": ("integer", "n", "3"),
    "bigint": ("bigint", "n", "3"),
    "numeric": ("numeric(10, 2)", "n", "3.00"),
    "text": ("text", "'k' || n", "k3"),
    "varchar": ("varchar(20)", "'k%%' || n", "k%3"),
    "char": ("char(5)", "'k' || n", "k3"),
    "uuid": (
        "uuid",
        "('00000000-0000-0000-0000-00000000000' || n)::uuid",
        "00000000-0000-0000-0000-000000000003",
    ),
    "boolean": ("boolean", "n %% 2 = 0", "false"),
    "date": ("date", "'2024-01-01'::date + n", "2024-01-04"),
    "timestamp": (
        "timestamp(3)",
        "'2024-01-01 10:00'::timestamp + n * '1 day'::interval",
        "2024-01-04T10:00:00",
    ),
    "timestamptz": (
        "timestamptz",
        "'2024-01-01 10:00+00'::timestamptz + n * '1 day'::interval",
        "2024-01-04T10:00:00Z",
    ),
    "bytea": ("bytea", "decode('0' || n, 'hex')", "03"),
    "enum": ("mood", "(ARRAY['a', 'b', 'c'])[n]::mood", "c"),
    "inet": ("inet", "('10.0.0.' || n)::inet", "10.0.0.3/32"),
}


@pytest.mark.parametrize("kind", KEYS)
def test_a_key_of_any_type_is_the_source_s_own(store: embeddb.Store, kind: str) -> None:
    spelled, value, key = KEYS[kind]
    last = 2 if kind == "boolean" else 3
    rows(store.url, "CREATE TYPE mood AS ENUM ('a', 'b', 'c')")
    rows(store.url, f"CREATE TABLE things (id {spelled} PRIMARY KEY, body text)")
    rows(
        store.url,
        f"INSERT INTO things SELECT {value}, 'word' || n FROM generate_series(1, %s) n",
        [last],
    )
    found = attach(store, "things", "body")
    drain(store, found)
    if kind == "boolean":
        assert stored(store.url, "things_g1") == ["false", "true"]
        return
    with session(store.url) as connection:
        connection.execute("SET TimeZone = 'Asia/Kathmandu'; SET DateStyle = 'German, DMY'")
        joined = connection.execute(
            "SELECT t.body, t.id = s.id, s.content FROM embeddb.things_search(%s::vector, 1) s "
            "JOIN things t USING (id)",
            [str(query("word3").tolist())],
        ).fetchall()
        assert joined == [("word3", True, "word3")]
        similar = "SELECT count(*) FROM things t, embeddb.things_similar(t.id, 5) s"
        assert connection.execute(similar).fetchall() == [(6,)]
        connection.execute("UPDATE things SET body = 'word3 anew' WHERE body = 'word3'")
        assert list(pending(store.url, "things")) == [key]
        connection.execute("DELETE FROM things WHERE body = 'word1'")
    assert found.search(query("word3"), 1)[0].id == key
    assert found.get(key)[0].id == key
    assert len(stored(store.url, "things_g1")) == 2
    drain(store, found)
    assert found.search(query("anew"), 1, filter={"$not": {"x": 1}})[0].id == key


def test_a_composite_key_is_one_text(store: embeddb.Store) -> None:
    rows(
        store.url,
        "CREATE TABLE parts (body text, no integer, day date, PRIMARY KEY (day, no));"
        "INSERT INTO parts SELECT 'word' || n, n, '2024-01-01' FROM generate_series(1, 30) n",
    )
    found = attach(store, "parts", "body")
    drain(store, found)
    hit = found.search(query("word4"), 1)[0]
    assert hit.id == '["2024-01-01", "4"]'
    assert found.get(hit.id)[0].content == "word4"
    typed = rows(
        store.url,
        "SELECT s.day, s.no, p.body FROM embeddb.parts_search(%s::vector, 1) s "
        "JOIN parts p USING (day, no)",
        [str(query("word4").tolist())],
    )
    assert [(str(row[0]), *row[1:]) for row in typed] == [("2024-01-01", 4, "word4")]
    similar = "SELECT count(*) FROM embeddb.parts_similar('2024-01-01', 4, 7)"
    assert one(store.url, similar) == 7
    rows(store.url, "UPDATE parts SET no = 100 WHERE no = 4")
    assert list(pending(store.url, "parts")) == ['["2024-01-01", "100"]']
    assert '["2024-01-01", "4"]' not in stored(store.url, "parts_g1")


def test_names_may_be_anything(store: embeddb.Store) -> None:
    rows(
        store.url,
        'CREATE SCHEMA "My ""own"" 100%";'
        'CREATE TABLE "My ""own"" 100%"."T; --" ("Id" int PRIMARY KEY, "te""xt %s" text, '
        '"content" int, "select" text);'
        'INSERT INTO "My ""own"" 100%"."T; --" SELECT n, \'word\' || n, n, \'x\' '
        "FROM generate_series(1, 30) n",
    )
    found = store.attach(
        '"My ""own"" 100%"."T; --"',
        name='Naïve: 50% "off"',
        text='"te""xt %s", "select"',
        metadata=["content"],
        where='"content" % 2 = 0',
        model=HashEncoder(),
    )
    assert found.count() == 15
    drain(store, found)
    assert found.search(query("word4"), 1, filter={"content": 4})[0].id == "4"
    rows(store.url, 'UPDATE "My ""own"" 100%"."T; --" SET "te""xt %s" = \'new\' WHERE "Id" < 3')
    assert list(pending(store.url, found.name)) == ["2"]
    store.detach(found.name)
    assert triggers(store.url, '"My ""own"" 100%"."T; --"') == []


def test_a_key_named_as_one_of_our_columns_gets_another_name(store: embeddb.Store) -> None:
    rows(
        store.url,
        "CREATE TABLE odd (content text, distance int, body text, PRIMARY KEY (content, distance));"
        "INSERT INTO odd SELECT 'c' || n, n, 'word' || n FROM generate_series(1, 9) n",
    )
    found = attach(store, "odd", "body")
    drain(store, found)
    row = rows(
        store.url,
        "SELECT key_content, key_distance, content FROM embeddb.odd_search(%s::vector, 1)",
        [str(query("word5").tolist())],
    )
    assert row == [("c5", 5, "word5")]


def test_an_expression_is_understood_where_it_was_written(store: embeddb.Store) -> None:
    articles(store.url, 5)
    rows(
        store.url,
        "CREATE SCHEMA app; CREATE FUNCTION app.shout(text) RETURNS text LANGUAGE sql IMMUTABLE "
        "AS 'SELECT upper($1)'",
    )
    with session(store.url) as connection:
        database = connection.info.dbname
    rows(store.url, f'ALTER DATABASE "{database}" SET search_path TO app, public')
    with embeddb.connect(store.url) as other:
        found = attach(
            other, "articles", "shout(articles.title) || ' ' || coalesce(body, '')", where="id > 2"
        )
    rows(store.url, f'ALTER DATABASE "{database}" RESET search_path')
    source = found.record.source
    assert source is not None
    assert source.content_columns == ("title", "body")
    assert "app.shout(title)" in str(source.content_sql)
    assert found.get("3")[0].content == "TITLE 3 about word3"
    assert found.count() == 3
    rows(store.url, "UPDATE articles SET views = 99; UPDATE articles SET body = 'x' WHERE id < 4")
    assert list(pending(store.url)) == ["3"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("title ||", "syntax error"),
        ("title || nothing", "nothing"),
        ("views + 1", "of type integer"),
        ("max(title)", "aggregate"),
        ("(SELECT body)", "subquery"),
        ("title || random()::text", "random"),
        ("row_number() OVER ()::text", "window|syntax"),
        ("title), (body", "2 expressions"),
        ("title) FROM articles; DROP TABLE articles; SELECT (title", "cannot be had"),
        ("articles::text", "whole rows"),
        ("to_char(clock_timestamp(), 'YYYY') || title", "clock_timestamp"),
    ],
)
def test_an_expression_that_is_no_text_of_one_row_is_refused(
    store: embeddb.Store, text: str, message: str
) -> None:
    articles(store.url, 1)
    before = facts(store.url, "articles")
    with pytest.raises(ExpressionError, match=message):
        attach(store, text=text)
    assert facts(store.url, "articles") == before
    assert store.collections() == []


def test_a_condition_that_is_none_is_refused(store: embeddb.Store) -> None:
    articles(store.url, 1)
    with pytest.raises(ExpressionError, match="of type text, not boolean"):
        attach(store, where="status")
    with pytest.raises(ExpressionError, match="statuss"):
        attach(store, where="statuss = 'live'")


def test_what_is_no_table_is_refused(store: embeddb.Store) -> None:
    articles(store.url, 1)
    rows(
        store.url,
        "CREATE VIEW seen AS SELECT * FROM articles;"
        "CREATE MATERIALIZED VIEW kept AS SELECT * FROM articles;"
        "CREATE EXTENSION IF NOT EXISTS postgres_fdw;"
        "CREATE SERVER far FOREIGN DATA WRAPPER postgres_fdw;"
        "CREATE FOREIGN TABLE away (id int, body text) SERVER far;"
        "CREATE TABLE bare (body text);"
        "CREATE TABLE whole (id int PRIMARY KEY, body text) PARTITION BY RANGE (id);"
        "CREATE TABLE part PARTITION OF whole DEFAULT",
    )
    for name, kind, message in [
        ("seen", NotATableError, "is a view"),
        ("kept", NotATableError, "materialized view"),
        ("away", NotATableError, "foreign table"),
        ("part", NotATableError, "is a partition"),
        ("embeddb.jobs", NotATableError, "embeddb's"),
        ("bare", NoPrimaryKeyError, "no primary key.*ADD PRIMARY KEY"),
        ("public.articels", TableNotFoundError, r"Is it public\.articles"),
        ("a.b.c.d", TableNotFoundError, "no name of a table"),
    ]:
        with pytest.raises(kind, match=message):
            attach(store, name, "body")


def test_a_missing_column_is_named_with_those_near_it(store: embeddb.Store) -> None:
    articles(store.url, 1)
    with pytest.raises(ColumnNotFoundError, match=r"no column 'titel'\. Is it title"):
        attach(store, text="titel, body")
    with pytest.raises(ColumnNotFoundError, match="Is it views"):
        attach(store, metadata=["view"])
    with pytest.raises(ColumnNotFoundError, match="name one or more"):
        attach(store, text=[])


def test_a_name_that_is_taken_is_refused(store: embeddb.Store) -> None:
    articles(store.url, 1)
    rows(store.url, "CREATE TABLE embeddb.other (x int)")
    attach(store)
    with pytest.raises(CollectionExistsError):
        attach(store)
    with pytest.raises((AttachError, embeddb.EmbedDBError), match="other"):
        attach(store, name="other")
    assert [found.name for found in store.collections()] == ["articles"]


def test_a_role_without_rights_is_told_which(store: embeddb.Store) -> None:
    articles(store.url, 1)
    grants = [
        "GRANT USAGE, CREATE ON SCHEMA embeddb TO {}",
        "GRANT SELECT ON ALL TABLES IN SCHEMA embeddb TO {}",
        "GRANT SELECT ON articles TO {}",
    ]
    with role(store.url, *grants) as url, embeddb.connect(url) as other:
        with pytest.raises(PermissionDeniedError, match="DELETE on jobs"):
            attach(other)
        rows(store.url, f'GRANT ALL ON ALL TABLES IN SCHEMA embeddb TO "{_user(url)}"')
        with pytest.raises(PermissionDeniedError, match="SELECT and TRIGGER"):
            attach(other)
        rows(store.url, f'GRANT TRIGGER ON articles TO "{_user(url)}"')
        attach(other)
        rows(store.url, "UPDATE articles SET title = 'x'")
        assert pending(store.url) == {"1": 1}
        other.detach("articles")


def _user(url: str) -> str:
    from psycopg import conninfo

    return str(conninfo.conninfo_to_dict(url)["user"])


def test_several_collections_follow_one_table(store: embeddb.Store) -> None:
    articles(store.url, 3)
    attach(store)
    attach(store, name="titles", text="title")
    rows(store.url, "UPDATE articles SET body = 'x' WHERE id = 1")
    assert (pending(store.url), pending(store.url, "titles")) == ({"1": 1}, {})
    store.detach("articles")
    rows(store.url, "UPDATE articles SET title = 'x' WHERE id = 1")
    assert pending(store.url, "titles") == {"1": 1}


def test_detaching_leaves_no_trace(store: embeddb.Store) -> None:
    articles(store.url, 5)
    rows(
        store.url,
        "CREATE FUNCTION own() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';"
        "CREATE TRIGGER own BEFORE UPDATE ON articles FOR EACH ROW EXECUTE FUNCTION own();"
        "ALTER TABLE articles ENABLE ROW LEVEL SECURITY;"
        "CREATE POLICY mine ON articles USING (views < 100);"
        "GRANT SELECT ON articles TO PUBLIC",
    )
    before, schema = facts(store.url, "articles"), ours(store.url)
    found = attach(store, metadata=["views"], where="status = 'live'")
    drain(store, found)
    rows(store.url, "UPDATE articles SET title = 'x'")
    assert facts(store.url, "articles") != before
    store.detach("articles")
    assert facts(store.url, "articles") == before
    assert ours(store.url) == schema
    for table in ("jobs", "failed_jobs", "backfills", "collections", "generations"):
        assert one(store.url, f"SELECT count(*) FROM embeddb.{table}") == 0
    rows(store.url, "UPDATE articles SET title = 'y'; TRUNCATE articles")


def test_detaching_is_for_what_is_attached(store: embeddb.Store) -> None:
    store.create_collection("docs", model=None, dim=3)
    with pytest.raises(ConfigurationError, match="drop_collection"):
        store.detach("docs")
    articles(store.url, 1)
    attach(store)
    store.drop_collection("articles")
    assert triggers(store.url, "articles") == []


def test_nothing_is_written_to_what_is_attached(store: embeddb.Store) -> None:
    articles(store.url, 1)
    found = attach(store)
    for write in (
        lambda: found.add([{"id": "1", "content": "x"}]),
        lambda: found.ingest(["x"]),
        lambda: found.delete(ids=["1"]),
    ):
        with pytest.raises(ConfigurationError, match=r"public\.articles.*worker"):
            write()


def test_attaching_again_makes_everything_anew(store: embeddb.Store) -> None:
    articles(store.url, 5)
    found = attach(store)
    drain(store, found)
    rows(store.url, "DROP TRIGGER embeddb_articles_update ON articles")
    before = set(stored(store.url))
    with pytest.raises(CollectionExistsError):
        attach(store, text="title")
    again = attach(store, text="title", metadata=["views"], exist_ok=True)
    assert again.get("3")[0].content == "title 3"
    assert set(stored(store.url)) == before
    assert len(triggers(store.url, "articles")) == 4
    assert one(store.url, "SELECT finished_at IS NULL FROM embeddb.backfills")
    rows(store.url, "UPDATE articles SET body = 'x'")
    assert pending(store.url) == {}
    drain(store, again)
    assert again.search(query("title 3"), 1, filter={"views": 3})[0].content == "title 3"


def test_a_source_with_another_key_is_not_the_same(store: embeddb.Store) -> None:
    articles(store.url, 5)
    attach(store)
    rows(
        store.url,
        "ALTER TABLE articles ADD COLUMN no int GENERATED ALWAYS AS IDENTITY;"
        "ALTER TABLE articles DROP CONSTRAINT articles_pkey;"
        "ALTER TABLE articles ADD PRIMARY KEY (no)",
    )
    with pytest.raises(AttachError, match="detach it"):
        attach(store, exist_ok=True)


def test_a_table_in_use_is_not_waited_for_without_end(
    store: embeddb.Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    from embeddb.repository.attached import attach as module

    monkeypatch.setattr(module, "LOCK_TIMEOUT_MS", 200)
    articles(store.url, 1)
    with session(store.url) as writer, writer.transaction():
        writer.execute("UPDATE articles SET title = 'x'")
        with pytest.raises(DatabaseError, match="longer transaction"):
            attach(store)
    assert store.collections() == []


def test_a_conversion_takes_the_keys_along(store: embeddb.Store) -> None:
    articles(store.url, 60)
    found = attach(store, metadata=["views"])
    drain(store, found)
    found.convert(storage="halfvec")
    chunks = found.record.tables.chunks_name
    assert chunks == "articles_g2"
    assert one(store.url, "SELECT count(*) FROM embeddb.articles_g2 WHERE key_id::text = id") == 60
    rows(store.url, "DELETE FROM articles WHERE id <= 10")
    assert len(stored(store.url, chunks)) == 50
    assert found.search(query("word44"), 1)[0].id == "44"
    found.create_index()
    assert found.recall(sample=20).recall > 0.9
    found.tune(0.9, sample=20)
    clear(store.url)
    store.detach("articles")
    assert not {name for name in ours(store.url) if name.startswith("articles")}


def test_chunks_may_be_laid_out_by_a_column(store: embeddb.Store) -> None:
    articles(store.url, 60)
    with pytest.raises(ConfigurationError, match="name that column in metadata"):
        attach(store, partition_by="views")
    found = attach(store, metadata=["views"], partition_by="views")
    drain(store, found)
    found.create_index()
    hits = found.search(query("word7"), 6, filter={"views": 7})
    assert {int(hit.id) % 10 for hit in hits} == {7}
    rows(store.url, "UPDATE articles SET views = 7, status = 'x' WHERE id = 8")
    assert pending(store.url) == {"8": 1}
    drain(store, found)
    assert len(found.search(query("word7"), 20, filter={"views": 7})) == 7
    vector = str(query("word7").tolist())
    search = "SELECT count(*) FROM embeddb.articles_search(%s::vector, 20, %s)"
    assert one(store.url, search, [vector, '{"views": 7}']) == 7
