"""`store.grant` and `store.revoke`: the least that each kind of role needs, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

import embeddb
from embeddb.errors import (
    CollectionNotFoundError,
    ConfigurationError,
    PermissionDeniedError,
)
from tests.support.attaching import articles, attach, drain
from tests.support.encoders import HashEncoder
from tests.support.postgres import one, rows
from tests.support.privileges import as_role, held, roles

READ = ("SELECT",)
ALL = ("SELECT", "INSERT", "UPDATE", "DELETE")
CATALOG = [
    "alembic_version",
    "collections",
    "generations",
    "models",
    "transforms",
    "transform_rows",
    "recall_history",
    "sql_encoders",
    "sql_encoder_tokens",
    "encoded_queries",
    "status",
    "every_collection",
]
SHARED = [
    "filter_path",
    "filter_part",
    "search",
    "encode",
    "encode_query",
    "encode_by_worker",
    "encode_in_sql",
    "query_tokens",
    "query_worker",
]
TABLES: dict[str, dict[str, tuple[str, ...]]] = {
    "reader": {
        **dict.fromkeys(CATALOG, READ),
        **dict.fromkeys(("docs", "docs_g1", "docs_chunks"), READ),
        **dict.fromkeys(("articles", "articles_g1", "articles_chunks"), READ),
    },
    "writer": {
        **dict.fromkeys(CATALOG, READ),
        **dict.fromkeys(("articles", "articles_g1", "articles_chunks", "docs_chunks"), READ),
        "every_collection": ("INSERT",),
        "docs": ALL,
        "docs_g1": ("SELECT", "INSERT", "DELETE"),
        "sources": ("SELECT", "INSERT", "UPDATE"),
    },
    "worker": {
        **dict.fromkeys(CATALOG, READ),
        "every_collection": ("UPDATE",),
        "articles": READ,
        "articles_chunks": READ,
        "articles_g1": ("SELECT", "INSERT", "DELETE"),
        "jobs": ALL,
        "failed_jobs": ALL,
        "workers": ALL,
        "backfills": ("SELECT", "UPDATE"),
        "reconciliations": ("SELECT", "INSERT", "UPDATE"),
        "encode_requests": ("SELECT", "UPDATE", "DELETE"),
        "encoded_queries": ("SELECT", "INSERT", "DELETE"),
    },
}
FUNCTIONS = {
    "reader": ("docs_search", "docs_similar", "articles_search", "articles_similar"),
    "writer": ("docs_search", "docs_similar", "articles_search", "articles_similar"),
    "worker": ("articles_search", "articles_similar"),
}


@pytest.fixture
def stocked(store: embeddb.Store) -> embeddb.Store:
    """A store with a collection of its own, `docs`, and one attached, `articles`."""
    docs = store.create_collection("docs", model=HashEncoder())
    docs.add([{"id": f"d{n}", "content": f"about word{n}"} for n in range(20)])
    articles(store.url, 20)
    drain(store, attach(store, metadata=["views"]))
    return store


@pytest.fixture
def made(stocked: embeddb.Store) -> Iterator[dict[str, str]]:
    """A role for each kind, with no right at all."""
    with roles(stocked.url, "reader", "writer", "worker", "owner", "app") as made:
        yield made


def _expected(kind: str, database: str) -> set[tuple[str, str, str]]:
    found = {("schema", "embeddb", "USAGE")}
    found |= {
        ("table", "embeddb." + name, right)
        for name, all_rights in TABLES[kind].items()
        for right in all_rights
    }
    found |= {("function", "embeddb." + name, "EXECUTE") for name in (*SHARED, *FUNCTIONS[kind])}
    if kind == "writer":
        found.add(("database", database, "TEMPORARY"))
    return found


@pytest.mark.parametrize("kind", ["reader", "writer", "worker"])
def test_a_role_gets_what_it_needs_and_nothing_else(
    stocked: embeddb.Store, made: dict[str, str], kind: str
) -> None:
    role = made[kind]
    planned = stocked.grant(kind, role, dry_run=True)
    assert held(stocked.url, role) == set()
    done = stocked.grant(kind, role)
    assert done.statements == planned.statements
    database = one(stocked.url, "SELECT current_database()")
    assert held(stocked.url, role) == _expected(kind, database)
    again = stocked.grant(kind, role)
    assert again.statements == ()
    stocked.revoke(kind, role, dry_run=True)
    assert held(stocked.url, role) == _expected(kind, database)
    stocked.revoke(kind, role)
    left = held(stocked.url, role)
    assert left <= {("database", database, "TEMPORARY")}
    assert stocked.revoke(kind, role).statements == ()


def test_everybody_gets_nothing(stocked: embeddb.Store, made: dict[str, str]) -> None:
    found = rows(
        stocked.url,
        """
        SELECT 'schema', n.nspname, x.privilege_type
          FROM pg_namespace n CROSS JOIN LATERAL aclexplode(n.nspacl) x
         WHERE n.nspname = 'embeddb' AND x.grantee = 0
         UNION ALL
        SELECT 'table', c.relname, x.privilege_type
          FROM pg_class c CROSS JOIN LATERAL aclexplode(c.relacl) x
         WHERE c.relnamespace = 'embeddb'::regnamespace AND x.grantee = 0
         UNION ALL
        SELECT 'definer', p.proname, x.privilege_type
          FROM pg_proc p
         CROSS JOIN LATERAL aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) x
         WHERE p.pronamespace = 'embeddb'::regnamespace AND p.prosecdef AND x.grantee = 0
        """,
    )
    assert found == []
    definers = rows(
        stocked.url,
        "SELECT p.proname FROM pg_proc p WHERE p.pronamespace = 'embeddb'::regnamespace "
        "AND p.prosecdef ORDER BY 1",
    )
    assert [row[0] for row in definers] == [
        "articles_on_delete",
        "articles_on_insert",
        "articles_on_truncate",
        "articles_on_update",
        "encode_by_worker",
    ]


def test_a_role_of_some_collections_sees_no_other(
    stocked: embeddb.Store, made: dict[str, str]
) -> None:
    url, role = stocked.url, made["reader"]
    stocked.create_collection("other", model=None, dim=3)
    stocked.grant("reader", role, ["docs"])
    with embeddb.connect(as_role(url, role)) as reading:
        docs = reading.collection("docs", encoder=HashEncoder())
        assert docs.search("word7", 1)[0].id == "d7"
        with pytest.raises(PermissionDeniedError, match="embeddb grant reader"):
            reading.collection("other").search([0, 0, 1])
    named = {name.split(".")[1] for kind, name, _ in held(url, role) if kind == "table"}
    assert named == {*CATALOG, "docs", "docs_g1", "docs_chunks"} - {"every_collection"}
    stocked.create_collection("later", model=None, dim=3)
    assert "embeddb.later" not in {name for _, name, _ in held(url, role)}
    stocked.grant("reader", role, ["other"])
    stocked.revoke("reader", role, ["docs"])
    assert {"other", "collections"} < {
        name.split(".")[1] for kind, name, _ in held(url, role) if kind == "table"
    }
    stocked.revoke("reader", role, ["other"])
    assert held(url, role) == set()


def test_rights_last_through_what_is_made_later(
    stocked: embeddb.Store, made: dict[str, str]
) -> None:
    url = stocked.url
    for kind in ("reader", "writer", "worker"):
        stocked.grant(kind, made[kind])
    docs = stocked.collection("docs", encoder=HashEncoder())
    docs.convert(storage="int8", transform="rotation", index=embeddb.HNSW(on="bit2"))
    docs.convert(storage="halfvec")
    later = stocked.create_collection("later", model=HashEncoder(), partition_by="lang")
    later.add([{"id": "x", "content": "a cat", "metadata": {"lang": "en"}}])
    rows(url, "CREATE TABLE notes (id uuid PRIMARY KEY, at timestamptz, body text)")
    attach(stocked, "notes", "body")
    attach(stocked, "articles", "title", exist_ok=True)
    for kind in ("reader", "writer", "worker"):
        assert stocked.grant(kind, made[kind], dry_run=True).statements == (), kind
    with embeddb.connect(as_role(url, made["reader"])) as reading:
        for name, text, expected in (("docs", "word7", "d7"), ("later", "a cat", "x")):
            found = reading.collection(name, encoder=HashEncoder())
            assert found.search(text, 1)[0].id == expected
            vector = str(HashEncoder().encode([text])[0].tolist())
            statement = f"SELECT id FROM embeddb.{name}_search(%s::vector, 1)"
            assert one(as_role(url, made["reader"]), statement, [vector]) == expected
    with embeddb.connect(as_role(url, made["writer"])) as writing:
        writing.collection("later", encoder=HashEncoder()).add(
            [{"id": "x", "content": "a cat", "metadata": {"lang": "de"}}]
        )
    embeddb.migrate(url)
    for kind in ("reader", "writer", "worker"):
        assert stocked.grant(kind, made[kind], dry_run=True).statements == (), kind


def test_ivfpq_tables_are_readable_and_codes_writable(
    store: embeddb.Store,
) -> None:
    rng = np.random.default_rng(0)
    vectors = rng.standard_normal((3000, 16), dtype=np.float32)
    items = store.create_collection("items", model=None, dim=16, index=embeddb.IVFPQ(lists=4))
    with roles(store.url, "reader", "writer") as made:
        store.grant("reader", made["reader"])
        store.grant("writer", made["writer"])
        items.add([{"id": str(n), "embedding": row} for n, row in enumerate(vectors)])
        assert "ivfpq" in {info.method for info in items.indexes()}
        for kind in ("reader", "writer"):
            assert store.grant(kind, made[kind], dry_run=True).statements == ()
        words = {
            (name, right)
            for _, name, right in held(store.url, made["writer"])
            if name in ("embeddb.items_g1_words", "embeddb.items_g1_lists")
        }
        assert {right for _, right in words} == {"SELECT"}
        with embeddb.connect(as_role(store.url, made["writer"])) as writing:
            mine = writing.collection("items")
            mine.add([{"id": "new", "embedding": vectors[0] * 1.001}])
            assert mine.search(vectors[0], 5) == items.search(vectors[0], 5)
            assert one(store.url, "SELECT count(*) FROM embeddb.items_g1_codes") == 3001
            mine.delete(ids=["new"])
            assert one(store.url, "SELECT count(*) FROM embeddb.items_g1_codes") == 3000
        with embeddb.connect(as_role(store.url, made["reader"])) as reading:
            assert reading.collection("items").search(vectors[5], 5) == items.search(vectors[5], 5)


def test_two_kinds_at_once_are_taken_one_by_one(
    stocked: embeddb.Store, made: dict[str, str]
) -> None:
    url, role = stocked.url, made["app"]
    stocked.grant("reader", role)
    before = held(url, role)
    stocked.grant("worker", role)
    stocked.grant("writer", role)
    stocked.revoke("worker", role)
    stocked.revoke("writer", role)
    database = one(url, "SELECT current_database()")
    assert held(url, role) - {("database", database, "TEMPORARY")} == before


def test_what_makes_no_sense_is_refused(stocked: embeddb.Store, made: dict[str, str]) -> None:
    role = made["app"]
    with pytest.raises(ConfigurationError, match="no role 'nobody here'"):
        stocked.grant("reader", "nobody here")
    with pytest.raises(ConfigurationError, match="PUBLIC"):
        stocked.grant("reader", "public")
    with pytest.raises(ConfigurationError, match="reader, writer, worker, owner"):
        stocked.grant("king", role)
    with pytest.raises(CollectionNotFoundError, match="'none'"):
        stocked.grant("reader", role, ["none"])
    with pytest.raises(ConfigurationError, match="needs no right in embeddb's schema"):
        stocked.grant("writer", role, ["articles"])
    with pytest.raises(ConfigurationError, match="attached to no table"):
        stocked.grant("worker", role, ["docs"])
    with pytest.raises(ConfigurationError, match="whole schema"):
        stocked.grant("owner", role, ["docs"])
    stocked.grant("reader", role)
    with pytest.raises(ConfigurationError, match="every collection"):
        stocked.revoke("reader", role, ["docs"])
    with (
        embeddb.connect(as_role(stocked.url, role)) as reading,
        pytest.raises(PermissionDeniedError, match=r"belongs to .* connect as"),
    ):
        reading.grant("reader", made["reader"])


def test_what_the_source_s_owner_has_to_give_is_said(
    stocked: embeddb.Store, made: dict[str, str]
) -> None:
    url, role = stocked.url, made["reader"]
    report = stocked.grant("reader", role)
    (need,) = report.needs
    assert need[0].startswith('GRANT SELECT ("id", ')
    assert "may not read these columns" in need[1]
    with embeddb.connect(as_role(url, role)) as reading:
        found = reading.collection("articles", encoder=HashEncoder())
        with pytest.raises(PermissionDeniedError, match="GRANT SELECT"):
            found.search("word7", 1)
        rows(url, need[0])
        assert found.search("word7", 1)[0].id == "7"
    assert stocked.grant("reader", role).needs == ()
    stocked.revoke("reader", role, with_source=True)
    assert held(url, role) == set()
    assert stocked.grant("reader", role, with_source=True).needs == ()
    assert ("column", "public.articles.body", "SELECT") in held(url, role)


def test_an_application_needs_no_right_here(stocked: embeddb.Store, made: dict[str, str]) -> None:
    url, role = stocked.url, made["app"]
    rows(url, f'GRANT SELECT, INSERT, UPDATE, DELETE, TRUNCATE ON articles TO "{role}"')
    rows(url, f'GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO "{role}"')
    assert not {name for _, name, _ in held(url, role) if name.startswith("embeddb")}
    own = as_role(url, role)
    rows(own, "INSERT INTO articles (id, title, body, views) VALUES (901, 'a', 'b', 1)")
    rows(own, "UPDATE articles SET body = 'c' WHERE id = 3")
    rows(own, "UPDATE articles SET id = 902 WHERE id = 4")
    rows(own, "DELETE FROM articles WHERE id = 5")
    keys = {row[0] for row in rows(url, "SELECT key FROM embeddb.jobs")}
    assert {"901", "3", "902"} <= keys
    ids = {row[0] for row in rows(url, "SELECT id FROM embeddb.articles_g1")}
    assert {"4", "5"}.isdisjoint(ids)
    rows(own, "TRUNCATE articles")
    assert rows(url, "SELECT FROM embeddb.articles_g1") == []
    for statement in ("SELECT * FROM embeddb.jobs", "SELECT embeddb.articles_on_delete()"):
        with pytest.raises(Exception, match="permission denied for schema embeddb"):
            rows(own, statement)
