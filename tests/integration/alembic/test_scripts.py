"""What `--sql` prints does what the same operations do online."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from alembic.operations import Operations

from tests.integration.alembic.test_collection_operations import MODEL, migration, offline
from tests.support.alembic_application import Application

BASE = """
CREATE EXTENSION citext SCHEMA public; CREATE EXTENSION unaccent SCHEMA public;
CREATE SCHEMA shop; CREATE SCHEMA "Old shop"; CREATE TYPE shop.mood AS ENUM ('sad', 'happy');
CREATE FUNCTION shop.shout(text) RETURNS text IMMUTABLE LANGUAGE sql RETURN upper($1) || '!';
CREATE TABLE posts (id bigint PRIMARY KEY, title text, body text, status public.citext, tags text[],
                    mood shop.mood, made timestamptz, "Odd ""name" text);
CREATE TABLE shop.posts (LIKE public.posts INCLUDING ALL);
CREATE TABLE "Old shop"."It's ""posts"
    (slug public.citext, n int, title text, PRIMARY KEY (slug, n));
CREATE TABLE days (day date, id int, title text, PRIMARY KEY (id, day)) PARTITION BY RANGE (day);
CREATE TABLE days_1 PARTITION OF days FOR VALUES FROM ('2026-01-01') TO ('2026-02-01');
CREATE TABLE shop.days_2 PARTITION OF days DEFAULT;
CREATE TABLE hidden (id int PRIMARY KEY, title text, owner name);
ALTER TABLE hidden ENABLE ROW LEVEL SECURITY;
"""

POSTS = {
    "id": "bigint",
    "title": "text",
    "body": "text",
    "status": "citext",
    "tags": "text[]",
    "mood": "shop.mood",
    "made": "timestamp with time zone",
    'Odd "name': "text",
}

DECLARED: dict[str, tuple[str, dict[str, Any]]] = {
    "columns": ("posts", {"text": ["title", "body"], "metadata": ["tags", "mood", "made"]}),
    "citext": ("posts", {"text": ["title"], "where": "status = 'live'"}),
    "an extension's function": ("posts", {"text": "unaccent(title) || ' 100% {x}'"}),
    "names in any case": ("posts", {"text": 'TITLE || "Odd ""name"', "where": "Status <> 'x'"}),
    "another schema": ("posts", {"text": "shop.shout(title)", "schema": "shop"}),
    "quoted names": (
        "It's \"posts",
        {
            "text": "title || slug::text",
            "where": "slug <> '' AND n > 0",
            "schema": "Old shop",
            "key": ["slug", "n"],
            "types": {"slug": "citext", "n": "int4", "title": "text"},
        },
    ),
    "partitions": (
        "days",
        {"text": ["title"], "key": ["id", "day"], "types": {"id": "integer", "day": "date"}},
    ),
    "hidden rows": ("hidden", {"text": ["title"], "types": {"id": "integer", "title": "text"}}),
    "a layout": ("posts", {"text": ["title"], "metadata": ["body"], "partition_by": "body"}),
}

SEEN = {
    "source": "SELECT source FROM embeddb.collections",
    "view": "SELECT pg_get_viewdef('embeddb.news'::regclass)",
    "chunks": "SELECT attname, format_type(atttypid, atttypmod), pg_get_expr(adbin, adrelid) "
    "FROM pg_attribute LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum "
    "WHERE attrelid = 'embeddb.news_g1'::regclass AND attnum > 0 ORDER BY attnum",
    "functions": "SELECT proname, pg_get_functiondef(oid) FROM pg_proc WHERE proname LIKE 'news%' "
    "ORDER BY 1, 2",
    "triggers": "SELECT pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal ORDER BY 1",
    "policies": "SELECT polname, polrelid::regclass::text, pg_get_expr(polqual, polrelid) "
    "FROM pg_policy ORDER BY 1, 2",
    "views": "SELECT relname, obj_description(oid, 'pg_class') FROM pg_class "
    "WHERE relnamespace = 'embeddb'::regnamespace AND relkind = 'v' ORDER BY 1",
}


@pytest.fixture(autouse=True)
def _models_of_tests(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EMBEDDB_PYTHON_MODELS", "tests.support.encoders")


@pytest.fixture
def base(application: Application, database: str) -> Application:
    """An application with tables of every kind."""
    execute(database, BASE)
    return application


def execute(url: str, statements: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(statements.encode())


def seen(application: Application) -> dict[str, Any]:
    """What there is of a collection, as Postgres writes it."""
    return {name: application.run(statement) for name, statement in SEEN.items()}


def script(write: Callable[[Any], object]) -> str:
    """What operations print."""
    op, written = offline()
    write(op)
    return "BEGIN;" + "".join(written) + "COMMIT;"


def attach(table: str, declared: dict[str, Any]) -> Callable[[Any], object]:
    """An operation as a revision has it."""
    options = {"key": ["id"], "types": POSTS, "index": None} | declared
    if table == "days":
        options["types"] = options["types"] | {"title": "text"}
    return lambda op: op.attach_collection("news", table, model=MODEL, **options)


@pytest.mark.parametrize("case", DECLARED)
def test_attaching_by_a_script_is_attaching(case: str, base: Application, database: str) -> None:
    written = attach(*DECLARED[case])
    with migration(base.engine) as op:
        written(op)
    online = seen(base)
    with migration(base.engine) as op:
        op.detach_collection("news", DECLARED[case][0])
    execute(database, script(written))
    found = seen(base)
    for name in SEEN:
        assert found[name] == online[name], name
    execute(database, script(lambda op: op.detach_collection("news", DECLARED[case][0])))
    left = (
        "SELECT relname FROM pg_class WHERE relname LIKE 'news%' UNION ALL "
        "SELECT proname FROM pg_proc WHERE proname LIKE 'news%' UNION ALL "
        "SELECT tgname FROM pg_trigger WHERE NOT tgisinternal"
    )
    assert base.run(left) == []


def test_a_script_finds_the_table_by_the_search_path(base: Application, database: str) -> None:
    written = script(attach("posts", {"text": "shout(title)"}))
    execute(database, "SET search_path TO shop, public;" + written)
    source = base.run("SELECT source FROM embeddb.collections")[0][0]
    assert (source["schema"], source["content_sql"]) == ("shop", "shop.shout(title)")
    paths = "SELECT current_setting('search_path')"
    with psycopg.connect(database) as connection:
        connection.execute("SET search_path TO public")
        connection.execute(script(lambda op: op.detach_collection("news", "posts")).encode())
        connection.execute(written.replace("shout", "lower").encode())
        assert connection.execute(paths).fetchone() == ("public",)


@pytest.mark.parametrize(
    ("table", "declared", "message"),
    [
        ("posts", {"text": "random()::text"}, "calls random, which gives another result"),
        ("posts", {"text": "id + 0"}, "id + 0 is of type bigint, not text"),
        ("posts", {"text": ["title"], "where": "title"}, "is of type text, not boolean"),
        ("posts", {"text": "posts::text"}, "reads whole rows"),
        ("posts", {"text": "title", "types": {"id": "bigint"}}, "declaration does not name: title"),
        ("posts", {"text": ["title"], "key": ["title"]}, "has another primary key: id"),
        ("posts", {"text": ["title"], "types": POSTS | {"id": "uuid"}}, "no column id of the type"),
        ("nothing", {"text": ["title"]}, 'There is no table "nothing"'),
        ("days_1", {"text": ["title"]}, "is a partition"),
        (
            "hidden",
            {"text": ["title"], "types": {"id": "integer", "title": "text"}, "index": "ivfpq"},
            "row-level security",
        ),
    ],
)
def test_a_script_refuses_what_attaching_refuses(
    table: str, declared: dict[str, Any], message: str, base: Application, database: str
) -> None:
    written = script(attach(table, declared))
    with psycopg.connect(database) as connection, pytest.raises(psycopg.Error) as raised:
        connection.execute(written.encode())
    assert message in str(raised.value)
    assert base.run("SELECT name FROM embeddb.collections") == []


@pytest.mark.parametrize(
    "dependent",
    [
        "VIEW own AS SELECT id FROM embeddb.news",
        "MATERIALIZED VIEW own AS SELECT id FROM embeddb.news_g1",
        "VIEW own AS SELECT id FROM embeddb.news_chunks",
        "VIEW own AS SELECT id FROM embeddb.news_similar(1)",
        "FUNCTION own() RETURNS bigint BEGIN ATOMIC SELECT count(*) FROM embeddb.news; END",
    ],
)
def test_a_script_drops_nothing_of_the_application_s(
    dependent: str, base: Application, database: str
) -> None:
    with migration(base.engine) as op:
        attach("posts", {"text": ["title"]})(op)
    execute(database, f"CREATE {dependent}")
    before = seen(base)
    for name in ("detach_collection", "drop_collection"):
        words = ("news", "posts") if name == "detach_collection" else ("news",)

        def drop(op: Operations, name: str = name, words: tuple[str, ...] = words) -> None:
            getattr(op, name)(*words)

        with pytest.raises(psycopg.errors.DependentObjectsStillExist):
            execute(database, script(drop))
    assert seen(base) == before
