"""`embeddb.filter_path` against a second implementation of the language."""

from __future__ import annotations

import json
import operator
from typing import Any

import psycopg
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.support.filters import field, passes
from tests.support.postgres import one, rows, session

KEYS = ("a", "b", "a.b", "x y", 'q"q', "q'q", "s\\s", "é", "日本", "%", "{}", "\n", "\x01", "\x7f")
WORDS = (
    "",
    "a",
    "B",
    "ab",
    "a%b",
    "a_b",
    "50%",
    "\\",
    "\\d",
    ".*",
    "é",
    "🙂",
    "a\nb",
    '"',
    "'",
    "\t",
)
ALPHABET = "aAbB%_\\.*+?()[]{}^$|#\"'/ \n\t\x01\x1f\x7f日🙂"

keys = st.sampled_from(KEYS)
texts = st.sampled_from(WORDS) | st.text(ALPHABET, max_size=4)
numbers = st.integers(-3, 3) | st.sampled_from([0.5, -1.25, 1e10, 2**53, 10**20])
scalars = st.none() | st.booleans() | numbers | texts
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3),
    max_leaves=6,
)
documents = st.dictionaries(keys, values, max_size=5)
fields = st.lists(keys, min_size=1, max_size=3).map(lambda parts: field(*parts))
ordered = st.booleans() | numbers | texts
bounds = numbers | texts


MANY = [*range(-40, 200, 7), *(f"w{number}" for number in range(40)), "é", "日本", "🙂", True, None]
"""More values than are compared one after the other, with gaps between them."""

lists = st.lists(scalars, max_size=3)
long_lists = lists.map(lambda few: [*few, *MANY])

operands = {
    "$eq": scalars,
    "$ne": scalars,
    "$lt": ordered,
    "$lte": ordered,
    "$gt": ordered,
    "$gte": ordered,
    "$in": lists | long_lists,
    "$nin": lists | long_lists,
    "$contains": scalars | lists,
    "$between": st.tuples(bounds, bounds).map(list),
    "$exists": st.booleans(),
    "$like": texts,
    "$ilike": texts,
}
single = st.one_of(*(st.fixed_dictionaries({name: kind}) for name, kind in operands.items()))
few_operators = single | st.builds(operator.or_, single, single)
one_field = st.dictionaries(fields, scalars | few_operators, min_size=1, max_size=2)
filters = st.recursive(
    one_field,
    lambda inner: st.one_of(
        st.builds(lambda parts: {"$and": parts}, st.lists(inner, min_size=1, max_size=3)),
        st.builds(lambda parts: {"$or": parts}, st.lists(inner, min_size=1, max_size=3)),
        st.builds(lambda part: {"$not": part}, inner),
        st.builds(lambda part: {"$not": {"$not": part}}, inner),
        st.builds(
            lambda key, some: {"$or": [{key: item} for item in some]},
            fields,
            st.lists(scalars | scalars.map(lambda item: {"$eq": item}), min_size=1, max_size=4),
        ),
        st.builds(
            lambda key, some: {"$and": [{key: {"$ne": item}} for item in some]}, fields, lists
        ).filter(lambda part: part["$and"]),
        st.builds(lambda part, other: {**part, "$not": other}, one_field, inner),
    ),
    max_leaves=4,
)


def test_a_filter_passes_what_its_description_says(database: str) -> None:
    statement = (
        "SELECT d.value @@ embeddb.filter_path(%s::jsonb) "
        "FROM jsonb_array_elements(%s::jsonb) WITH ORDINALITY d ORDER BY d.ordinality"
    )
    with session(database) as connection:

        @settings(max_examples=200, deadline=None, derandomize=True, database=None)
        @given(filters, st.lists(documents, min_size=1, max_size=8))
        @example({"a": {"$between": [5, 10]}}, [{"a": [[0, 20]]}])
        @example({"a\x01b": 1}, [{"a.b": 1}, {"a\x01b": 1}])
        @example({"a": {"$ne": 1}}, [{}, {"a": "1"}, {"a": [1]}, {"a": None}])
        @example({"$not": {"a": {"$lt": 1}}}, [{}, {"a": "x"}, {"a": 2}, {"a": 0}])
        @example({}, [{}])
        @example({"a": {"$in": MANY}}, [{"a": [[2]]}, {"a": [2, -40]}, {"a": 2.5}, {"a": "w1"}, {}])
        @example({"a": {"$nin": MANY}}, [{"a": [[-40]]}, {"a": None}, {"a": False}, {"a": "w41"}])
        @example({"$not": {"$not": {"$not": {"a": 1}}}}, [{"a": 1}, {"a": "x"}, {}])
        @example({"$or": [{"a": 1}, {"b": 2}, {"a": "x"}]}, [{"a": "x"}, {"b": 2}, {"a": 2}])
        def check(wanted: dict[str, Any], given: list[dict[str, Any]]) -> None:
            found = connection.execute(statement, [json.dumps(wanted), json.dumps(given)])
            passed = [row[0] is True for row in found]
            assert passed == [passes(wanted, document) for document in given]

        check()


LARGE = 20_000


@pytest.mark.parametrize(
    ("wanted", "passed"),
    [
        ({"n": {"$in": list(range(LARGE))}}, {0, 1, LARGE - 1}),
        ({"n": {"$nin": list(range(LARGE))}}, {-1, LARGE, None}),
        ({"s": {"$in": [f"s{number}" for number in range(LARGE)]}}, {0, 1, LARGE - 1}),
        ({"$or": [{"n": number} for number in range(LARGE)]}, {0, 1, LARGE - 1}),
        ({"$or": [{"n": number, "s": f"s{number}"} for number in range(2_000)]}, {0, 1}),
        ({"$and": [{"n": {"$ne": number}} for number in range(LARGE)]}, {-1, LARGE, None}),
        ({"$not": {"$or": [{"n": number} for number in range(LARGE)]}}, {-1, LARGE, None}),
        ({f"f{number}": {"$exists": False} for number in range(2_000)}, {-1, 0, 1, LARGE, None}),
        ({"all": {"$contains": list(range(2_000))}}, {1}),
    ],
    ids=["in", "nin", "texts", "or", "or of two", "and", "not or", "fields", "contains"],
)
def test_a_long_filter_needs_no_deep_stack(
    database: str, wanted: dict[str, Any], passed: set[int | None]
) -> None:
    documents: dict[int | None, dict[str, Any]] = {
        number: {"n": number, "s": f"s{number}"} for number in (-1, 0, 1, LARGE - 1, LARGE)
    }
    documents[None] = {"s": [[]]}
    documents[1]["all"] = list(range(2_000))
    documents[LARGE - 1]["f1999"] = None
    with session(database) as connection:
        found = {
            number
            for number, document in documents.items()
            if connection.execute(
                "SELECT %s::jsonb @@ embeddb.filter_path(%s)",
                [json.dumps(document), json.dumps(wanted)],
            ).fetchone()
            == (True,)
        }
    assert found == passed


@pytest.mark.parametrize("depth", [20, 21, 90])
def test_nested_negations_cost_what_one_does(database: str, depth: int) -> None:
    bare: dict[str, Any] = {"a": 1}
    mixed: dict[str, Any] = {"a": 1}
    for _ in range(depth):
        bare, mixed = {"$not": bare}, {"b": 2, "$not": mixed}
    statement = "SELECT d @@ embeddb.filter_path(%s), length(embeddb.filter_path(%s)::text) "
    for wanted in (bare, mixed):
        for document in ({"a": 1, "b": 2}, {"b": 2}, {"a": 1}):
            found = rows(
                database,
                statement + "FROM (SELECT %s::jsonb AS d) x",
                [json.dumps(wanted), json.dumps(wanted), json.dumps(document)],
            )
            assert found[0][0] is passes(wanted, document)
            assert found[0][1] < 60 * depth


@pytest.mark.parametrize("step", [{"$not": 0}, {"$and": [0, {"b": 1}]}, {"b": 1, "$not": 0}])
def test_a_bottomless_filter_is_malformed(database: str, step: dict[str, Any]) -> None:
    text = '{"a": 1}'
    for _ in range(500):
        text = json.dumps(step).replace("0", text)
    with session(database) as connection, pytest.raises(psycopg.Error, match="too deep") as caught:
        connection.execute("SELECT embeddb.filter_path(%s)", [text])
    assert caught.value.sqlstate == "ED001"


def test_each_key_and_text_reaches_only_itself(database: str) -> None:
    with session(database) as connection:

        @settings(max_examples=150, deadline=None, derandomize=True, database=None)
        @given(
            st.text(min_size=1, max_size=12).filter(
                lambda key: "\0" not in key and not key.startswith("$")
            ),
            st.text(max_size=12).filter(lambda text: "\0" not in text),
        )
        def check(key: str, text: str) -> None:
            wanted, document = {field(key): text}, {key: text, "other": "x"}
            found = connection.execute(
                "SELECT %s::jsonb @@ embeddb.filter_path(%s), %s::jsonb @@ embeddb.filter_path(%s)",
                [json.dumps(document), json.dumps(wanted), '{"other": "x"}', json.dumps(wanted)],
            ).fetchone()
            assert found == (True, key == "other" and text == "x")

        check()


MALFORMED: dict[str, object] = {
    "an array": [1],
    "a text": "year",
    "a number": 1,
    "and of nothing": {"$and": []},
    "or of nothing": {"$or": []},
    "and of an object": {"$and": {"a": 1}},
    "or of a number": {"$or": [1]},
    "not of an array": {"$not": [{"a": 1}]},
    "an unknown combination": {"$nor": [{"a": 1}]},
    "an operator without a field": {"$eq": 1},
    "an empty field": {"": 1},
    "a field without an operator": {"a": {}},
    "an unknown operator": {"a": {"$regex": "x"}},
    "an object in place of operators": {"a": {"b": 1}},
    "an operator beside a key": {"a": {"$gte": 1, "b": 2}},
    "equal to an array": {"a": [1, 2]},
    "equal to an object": {"a": {"$eq": {"b": 1}}},
    "less than null": {"a": {"$lt": None}},
    "at least an array": {"a": {"$gte": [1]}},
    "in a number": {"a": {"$in": 1}},
    "in an array of arrays": {"a": {"$in": [[1]]}},
    "not in a text": {"a": {"$nin": "ab"}},
    "contains an object": {"a": {"$contains": {"b": 1}}},
    "between one bound": {"a": {"$between": [1]}},
    "between three bounds": {"a": {"$between": [1, 2, 3]}},
    "between null and two": {"a": {"$between": [None, 2]}},
    "between a number": {"a": {"$between": 1}},
    "exists one": {"a": {"$exists": 1}},
    "exists null": {"a": {"$exists": None}},
    "like a number": {"a": {"$like": 1}},
    "like null": {"a": {"$ilike": None}},
    "wrong deep inside": {"$and": [{"a": 1}, {"b": {"$nope": 1}}]},
}


def test_a_malformed_filter_is_an_error_of_its_own(database: str) -> None:
    found: dict[str, str | None] = {}
    with session(database) as connection:
        for label, wanted in MALFORMED.items():
            with pytest.raises(psycopg.Error) as caught:
                connection.execute("SELECT embeddb.filter_path(%s)", [json.dumps(wanted)])
            found[label] = caught.value.sqlstate
    assert found == dict.fromkeys(MALFORMED, "ED001")


def test_null_is_no_filter(database: str) -> None:
    assert one(database, "SELECT embeddb.filter_path(NULL)") is None


HOSTILE = (
    'a" == 1 || 1 == 1 || $."a',
    "a' OR true --",
    "a) || (1 == 1",
    '"); DROP TABLE embeddb.models; --',
    "$$; SELECT 1; $$",
    "%s %(name)s %%",
    "\\u0022 || true",
    'x" ? (@ == 1) && exists($',
)


def test_no_key_and_no_value_escapes_its_quotes(database: str) -> None:
    statement = 'SELECT \'{"a": 1, "k": 1}\' @@ embeddb.filter_path(%s)'
    with session(database) as connection:
        for hostile in HOSTILE:
            for wanted in (
                {field("k" + hostile): 1},
                {field("k", hostile): {"$exists": True}},
                {"k": hostile},
                {"k": {"$like": hostile}},
                {"k": {"$in": [hostile]}},
                {"k": {"$between": [hostile, hostile]}},
            ):
                found = connection.execute(statement, [json.dumps(wanted)]).fetchone()
                assert found in ((False,), (None,)), wanted
        assert connection.execute("SELECT FROM embeddb.models").rowcount == 0


def test_an_equality_reads_the_index(database: str) -> None:
    with session(database) as connection:
        connection.execute("CREATE TABLE docs (metadata jsonb)")
        connection.execute(
            "INSERT INTO docs "
            "SELECT jsonb_build_object('n', i, 'tags', jsonb_build_array('t' || i)) "
            "FROM generate_series(1, 20000) i"
        )
        connection.execute("CREATE INDEX docs_metadata ON docs USING gin (metadata jsonb_path_ops)")
        connection.execute("ANALYZE docs")
        for wanted in (
            {"n": 7},
            {"n": -7},
            {"n": {"$in": [1, 2]}},
            {"n": {"$in": list(range(40))}},
            {"$or": [{"n": number} for number in range(40)]},
            {"$not": {"$not": {"n": 7}}},
            {"tags": {"$contains": ["t7"]}},
            {"n": {"$gte": 1}, "tags": "t7"},
            {"$or": [{"n": 7}, {"tags": "t9"}]},
        ):
            plan = connection.execute(
                "EXPLAIN SELECT FROM docs WHERE metadata @@ embeddb.filter_path(%s)",
                [json.dumps(wanted)],
            )
            text = "\n".join(row[0] for row in plan)
            assert "docs_metadata" in text, (wanted, text)


def test_the_function_is_the_same_under_a_hostile_search_path(database: str) -> None:
    with session(database) as connection:
        connection.execute("CREATE SCHEMA hostile")
        connection.execute(
            "CREATE FUNCTION hostile.no(text, text) RETURNS boolean LANGUAGE plpgsql AS "
            "$$ BEGIN RAISE EXCEPTION 'hijacked'; END $$"
        )
        connection.execute(
            "CREATE OPERATOR hostile.= (LEFTARG = text, RIGHTARG = text, FUNCTION = hostile.no)"
        )
        connection.execute("CREATE DOMAIN hostile.jsonpath AS text CHECK (value = 'hijacked')")
        connection.execute("SET search_path TO hostile, pg_catalog")
        found = connection.execute(
            "SELECT '{\"a\": [1]}'::jsonb @@ embeddb.filter_path(%s), "
            "'{}'::jsonb @@ embeddb.filter_path(%s)",
            ['{"$and": [{"a": {"$in": [1]}}]}', '{"a": {"$nin": [1]}}'],
        ).fetchone()
        assert found == (True, True)


def test_the_function_takes_part_in_constant_folding(database: str) -> None:
    found = rows(
        database,
        "SELECT provolatile::text, proparallel::text FROM pg_proc WHERE proname = 'filter_path'",
    )
    assert found == [("i", "s")]
