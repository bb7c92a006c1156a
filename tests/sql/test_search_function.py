"""`embeddb.<collection>_search`: the rows of the Python door, and nothing left behind."""

from __future__ import annotations

import json
from typing import Any

import psycopg
import pytest
from psycopg import sql
from psycopg.rows import TupleRow

import embeddb
from embeddb import HNSW, Collection, IVFFlat
from tests.support.postgres import one, session
from tests.support.vectors import as_documents, clustered

ROWS = 1500
DIM = 8
VECTORS = clustered(ROWS, DIM, seed=3)
QUERY = clustered(1, DIM, seed=4)[0]

COMBINATIONS = [
    ("cosine", "vector", HNSW()),
    ("l2", "vector", HNSW(ef_search=90)),
    ("inner_product", "vector", IVFFlat()),
    ("l1", "vector", HNSW()),
    ("cosine", "halfvec", IVFFlat(lists=4, probes=2)),
    ("l2", "halfvec", None),
    ("inner_product", "halfvec", HNSW()),
    ("l1", "halfvec", HNSW()),
]


def _collection(store: embeddb.Store, name: str = "docs", **options: Any) -> Collection:  # noqa: ANN401
    docs = store.create_collection(name, model=None, dim=DIM, **options)
    docs.add(as_documents(VECTORS))
    return docs


def _literal(vector: Any) -> str:  # noqa: ANN401
    return "[" + ",".join(map(repr, vector.tolist())) + "]"


def _call(
    connection: psycopg.Connection[TupleRow], name: str, *arguments: object
) -> list[tuple[Any, ...]]:
    places = sql.SQL(", ").join(
        sql.SQL("%s::") + sql.SQL(kind)
        for kind, _ in zip(("vector", "int", "jsonb", "float8"), arguments, strict=False)
    )
    function = sql.Identifier("embeddb", name + "_search")
    statement = sql.SQL("SELECT * FROM {}({})").format(function, places)
    return connection.execute(statement, arguments).fetchall()


def _hits(hits: list[embeddb.Hit]) -> list[tuple[Any, ...]]:
    return [
        (hit.id, hit.chunk_no, hit.content, hit.metadata, hit.distance, hit.score, hit.uri)
        for hit in hits
    ]


@pytest.mark.parametrize(
    ("distance", "storage", "index"),
    COMBINATIONS,
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_both_doors_give_the_same_rows(
    store: embeddb.Store, distance: str, storage: str, index: HNSW | IVFFlat | None
) -> None:
    docs = _collection(store, distance=distance, storage=storage, index=index)
    far = docs.search(QUERY, 40)[-1].distance
    with session(store.url) as connection:
        for wanted in (None, {}, {"even": True}, {"number": {"$lt": 30}}, {"number": -1}):
            for limit in (1, 10, 45, 1200):
                for bound in (None, far):
                    filter = None if wanted is None else json.dumps(wanted)
                    found = _call(connection, "docs", _literal(QUERY), limit, filter, bound)
                    hits = docs.search(QUERY, limit, filter=wanted, max_distance=bound)
                    assert [row[:7] for row in found] == _hits(hits)


def test_a_search_gives_as_many_rows_as_asked_for(store: embeddb.Store) -> None:
    docs = _collection(store)
    with session(store.url) as connection:
        for limit in (41, 200, 1000, 1001, ROWS, 5000):
            due = min(limit, ROWS)
            assert len(_call(connection, "docs", _literal(QUERY), limit)) == due
            assert len(docs.search(QUERY, limit)) == due
        half = '{"even": true}'
        assert len(_call(connection, "docs", _literal(QUERY), 700, half)) == 700
        assert len(docs.search(QUERY, 700, filter={"even": True})) == 700


def test_the_defaults_are_ten_rows_without_conditions(store: embeddb.Store) -> None:
    docs = _collection(store)
    with session(store.url) as connection:
        found = _call(connection, "docs", _literal(QUERY))
    assert [row[:7] for row in found] == _hits(docs.search(QUERY, 10))


@pytest.mark.parametrize("index", [HNSW(ef_search=120), IVFFlat(lists=4)])
def test_an_open_transaction_keeps_its_settings(
    store: embeddb.Store, index: HNSW | IVFFlat
) -> None:
    _collection(store, index=index)
    names, own = {
        "hnsw": (("hnsw.ef_search", "hnsw.iterative_scan"), ("77", "strict_order")),
        "ivfflat": (("ivfflat.probes", "ivfflat.iterative_scan"), ("3", "off")),
    }[index.method]

    def show(connection: psycopg.Connection[TupleRow]) -> list[str | None]:
        row = connection.execute(
            "SELECT current_setting(%s), current_setting(%s)", list(names)
        ).fetchone()
        assert row is not None
        return list(row)

    def search(connection: psycopg.Connection[TupleRow]) -> None:
        assert _call(connection, "docs", _literal(QUERY), 50, '{"even": true}')

    with session(store.url) as connection:
        connection.execute("SELECT '[1]'::vector")  # loads pgvector, which knows its defaults
        defaults = show(connection)
        with connection.transaction():
            search(connection)
            assert show(connection) == defaults
        assert show(connection) == defaults
        for name, value in zip(names, own, strict=True):
            connection.execute("SELECT set_config(%s, %s, false)", [name, value])
        with connection.transaction():
            search(connection)
            assert show(connection) == list(own)
        assert show(connection) == list(own)
        with connection.transaction():
            connection.execute("SELECT set_config(%s, '5', true)", [names[0]])
            search(connection)
            assert show(connection) == ["5", own[1]]
        assert show(connection) == list(own)
    with session(store.url) as connection:  # where the first statement of all is the search
        with connection.transaction():
            search(connection)
            assert show(connection) == defaults
        assert show(connection) == defaults


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("[1,2,3]", 10), "The query has 3 dimensions; this collection has 8."),
        ((_literal(QUERY), 0), "a limit of at least 1, not 0"),
        ((_literal(QUERY), None), "a limit of at least 1"),
        ((_literal(QUERY), 10, '{"a": {"$nope": 1}}'), "Unknown operator $nope"),
    ],
)
def test_a_wrong_argument_is_named(
    store: embeddb.Store, arguments: tuple[object, ...], words: str
) -> None:
    store.create_collection("docs", model=None, dim=DIM)
    with session(store.url) as connection, pytest.raises(psycopg.Error) as caught:
        _call(connection, "docs", *arguments)
    assert words in str(caught.value)


def test_the_function_can_be_joined_with_the_application_s_tables(store: embeddb.Store) -> None:
    _collection(store)
    with session(store.url) as connection:
        connection.execute("CREATE TABLE articles (id text PRIMARY KEY, title text)")
        connection.execute("INSERT INTO articles SELECT id, upper(id) FROM embeddb.docs")
        found = connection.execute(
            "SELECT a.title, s.distance FROM embeddb.docs_search(%s::vector, 5) s "
            "JOIN articles a USING (id) ORDER BY s.distance",
            [_literal(QUERY)],
        ).fetchall()
    hits = store.collection("docs").search(QUERY, 5)
    assert found == [(hit.id.upper(), hit.distance) for hit in hits]


HOSTILE = """
CREATE FUNCTION hostile.no(text, text) RETURNS boolean LANGUAGE plpgsql
    AS $$ BEGIN RAISE EXCEPTION 'hijacked'; END $$;
CREATE FUNCTION hostile.no(float8, int) RETURNS float8 LANGUAGE plpgsql
    AS $$ BEGIN RAISE EXCEPTION 'hijacked'; END $$;
CREATE FUNCTION hostile.no(int, float8) RETURNS float8 LANGUAGE plpgsql
    AS $$ BEGIN RAISE EXCEPTION 'hijacked'; END $$;
CREATE FUNCTION hostile.no(int, int) RETURNS boolean LANGUAGE plpgsql
    AS $$ BEGIN RAISE EXCEPTION 'hijacked'; END $$;
CREATE FUNCTION hostile.no(public.vector, public.vector) RETURNS float8 LANGUAGE plpgsql
    AS $$ BEGIN RAISE EXCEPTION 'hijacked'; END $$;
CREATE OPERATOR hostile.= (LEFTARG = text, RIGHTARG = text, FUNCTION = hostile.no);
CREATE OPERATOR hostile.> (LEFTARG = int, RIGHTARG = int, FUNCTION = hostile.no);
CREATE OPERATOR hostile.+ (LEFTARG = float8, RIGHTARG = int, FUNCTION = hostile.no);
CREATE OPERATOR hostile.- (LEFTARG = int, RIGHTARG = float8, FUNCTION = hostile.no);
CREATE FUNCTION hostile.set_config(text, text, boolean) RETURNS text LANGUAGE plpgsql
    AS $$ BEGIN RAISE EXCEPTION 'hijacked'; END $$;
CREATE DOMAIN hostile.int4 AS integer CHECK (value < 0);
CREATE DOMAIN hostile.text AS pg_catalog.text CHECK (value IS NULL);
CREATE TABLE hostile.docs (id pg_catalog.text);
CREATE TABLE hostile.docs_g1 (id pg_catalog.text);
"""
HOSTILE_TO_PGVECTOR = """
CREATE OPERATOR hostile.<=> (LEFTARG = public.vector, RIGHTARG = public.vector,
                             FUNCTION = hostile.no);
CREATE FUNCTION hostile.vector_dims(public.vector) RETURNS int LANGUAGE plpgsql
    AS $$ BEGIN RAISE EXCEPTION 'hijacked'; END $$;
"""


def test_a_hostile_search_path_changes_nothing(store: embeddb.Store) -> None:
    docs = _collection(store)
    hits = _hits(docs.search(QUERY, 20, filter={"even": True}, max_distance=10.0))
    with session(store.url) as connection:
        connection.execute("CREATE SCHEMA hostile")
        connection.execute(HOSTILE)
        connection.execute(HOSTILE_TO_PGVECTOR)
        connection.execute("CREATE TEMPORARY TABLE docs (id text)")
        connection.execute("CREATE TEMPORARY TABLE docs_g1 (id text)")
        connection.execute("CREATE DOMAIN pg_temp.jsonb AS text")
        connection.execute("SET search_path TO hostile, pg_temp, pg_catalog, public")
        statement = (
            "SELECT * FROM embeddb.docs_search(%s::public.vector, 20, %s::pg_catalog.jsonb, 10.0)"
        )
        found = connection.execute(statement, [_literal(QUERY), '{"even": true}']).fetchall()
    assert [row[:7] for row in found] == hits


def test_objects_in_public_do_not_hijack_the_python_door(store: embeddb.Store) -> None:
    docs = _collection(store)
    hits = docs.search(QUERY, 20, filter={"even": True}, max_distance=10.0)
    with session(store.url) as connection:
        connection.execute(HOSTILE.replace("hostile", "public"))
    with embeddb.connect(store.url) as again:
        found = again.collection("docs")
        assert found.search(QUERY, 20, filter={"even": True}, max_distance=10.0) == hits
        assert found.count() == ROWS
        assert found.get(["v1"])[0].id == "v1"
        assert found.similar("v1", 3)
        assert found.delete(filter={"number": {"$gte": 1000}}) == ROWS - 1000


def test_a_dropped_collection_takes_its_function_along(store: embeddb.Store) -> None:
    store.create_collection("docs", model=None, dim=DIM)
    statement = "SELECT count(*) FROM pg_proc WHERE proname = 'docs_search'"
    assert one(store.url, statement) == 1
    store.drop_collection("docs")
    assert one(store.url, statement) == 0
