"""Layouts: what lies where, what a search reads of it, and that it finds what exact search does."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from psycopg import sql

import embeddb
from embeddb import HNSW, Collection, HashPartitions, IVFFlat, ListPartitions, PartialIndexes
from embeddb.db.queries import Name
from embeddb.errors import CollectionExistsError, IndexSpecError, InvalidMetadataError
from embeddb.records import Vector
from embeddb.repository.indexes.indexes import Indexes
from embeddb.repository.search.searcher import make_request
from embeddb.schema.layouts import Layout
from tests.support.postgres import index_validity, one, role, rows
from tests.support.vectors import clustered

DIM = 16
TENANTS, ROWS_EACH = 300, 20
LANGUAGES = ("en", "de", "fr", "it")

HOSTILE = "q'u\"o%t{e}"
VALUES = ("a'b", 'a"b', "100%s", "\\", "');--", "{}", "é", "=x", 1, True, "$1", "\n")

STRANGE: list[Any] = [
    *("a", "1", "=1", "==1", "=", "true", "null", "é", "日本", "%", "100%s", "a'b", 'a"b', "\\"),
    *("a\\b", "{}", "$eq", "\n", "\x01", "x" * 512, "x" * 513, "=" + "x" * 511, "=" + "x" * 512),
    *(1, 1.0, 0, -0.0, -5, 1.5, 1e18, 1e19, 10**18, 10**19 - 1, 10**19, 2**63, 1e300, -1e16),
    *(True, False, None, "", {}, {"$eq": "a"}, {"$eq": 1}, {"$eq": 1.0}, {"$eq": None}),
    *([], ["a"], {"$eq": ["a"]}, {"$eq": {}}, {"$eq": {"$eq": "a"}}, {"$eq": "a", "$ne": "b"}),
    *({"$ne": "a"}, {"$in": ["a"]}, {"$exists": True}),
]


def _create(
    store: embeddb.Store,
    layout: Layout | None,
    name: str = "docs",
    **others: Any,  # noqa: ANN401
) -> Collection:
    return store.create_collection(name, model=None, dim=DIM, layout=layout, **others)


def _documents(
    vectors: Vector, field: str, values: list[Any], *, first: int = 0
) -> Iterator[dict[str, Any]]:
    for number, vector in enumerate(vectors, start=first):
        metadata = {field: values[number % len(values)], "number": number}
        yield {"id": f"v{number}", "embedding": vector, "metadata": metadata}


def _languages(store: embeddb.Store, layout: Layout, rows: int = 400, **others: Any) -> Collection:  # noqa: ANN401
    docs = _create(store, layout, **others)
    docs.ingest(_documents(clustered(rows, DIM, seed=3), "lang", list(LANGUAGES)))
    return docs


def _parts(store: embeddb.Store, table: str = "docs_g1") -> dict[str, str]:
    """Return in which part each document's chunks lie."""
    statement = sql.SQL("SELECT id, part FROM {}").format(sql.Identifier("embeddb", table))
    return dict(rows(store.url, statement))


def _places(store: embeddb.Store, table: str = "docs_g1") -> dict[str, str]:
    """Return in which table each document's chunks lie."""
    statement = sql.SQL("SELECT id, tableoid::regclass::text FROM {}")
    found = rows(store.url, statement.format(sql.Identifier("embeddb", table)))
    return {id: place.removeprefix("embeddb.") for id, place in found}


def _plan(docs: Collection, filter: dict[str, Any]) -> str:
    return docs.explain(np.ones(DIM, dtype=np.float32), 5, filter=filter)


def _same(docs: Collection, query: Vector, filter: dict[str, Any], limit: int = 10) -> list[str]:
    """Search by every door, check that they agree with exact search, and give the ids."""
    exact = [hit.id for hit in docs.search(query, limit, filter=filter, exact=True)]
    found = [hit.id for hit in docs.search(query, limit, filter=filter)]
    assert found == exact
    by_sql = rows(
        docs._database.url,
        sql.SQL("SELECT id FROM {}(%s::vector, %s, %s::jsonb)").format(
            Name("embeddb", docs.name + "_search")
        ),
        [str(query.tolist()), limit, json.dumps(filter)],
    )
    assert [row[0] for row in by_sql] == exact
    return found


# Plain HNSW over all tenants, with the same filter and pgvector's iterative scan off, gives each
# of these tenants 0.1 of its 10 rows: the 40 nearest rows of the index belong to others.
def test_every_tenant_gets_all_of_its_rows(store: embeddb.Store) -> None:
    docs = _create(store, HashPartitions("tenant", 16))
    vectors = clustered(TENANTS * ROWS_EACH, DIM, seed=1)
    tenants = [f"t{number}" for number in range(TENANTS)]
    docs.ingest(_documents(vectors, "tenant", tenants))
    assert len(set(_places(store).values())) == 16
    for number in range(0, TENANTS, 7):
        filter = {"tenant": f"t{number}"}
        hits = docs.search(vectors[number + 1], 10, filter=filter)
        exact = docs.search(vectors[number + 1], 10, filter=filter, exact=True)
        assert len(hits) == 10
        assert [hit.id for hit in hits] == [hit.id for hit in exact]
        assert {hit.metadata["tenant"] for hit in hits} == {f"t{number}"}


def test_a_large_tenant_is_searched_in_the_index_of_its_partition(store: embeddb.Store) -> None:
    docs = _create(store, HashPartitions("tenant", 2))
    vectors = clustered(5_000, DIM, seed=2)
    docs.ingest(_documents(vectors, "tenant", ["large"] * 9 + ["small"]))
    hits, plan = docs.search_with_plan(vectors[5], 10, filter={"tenant": "large"})
    assert plan.index is not None
    assert len(plan.index.split(", ")) == 1
    exact = docs.search(vectors[5], 10, filter={"tenant": "large"}, exact=True)
    assert len({hit.id for hit in hits} & {hit.id for hit in exact}) >= 9
    assert docs.plan(vectors[5], filter={"tenant": "small"}).strategies == (
        "exact over the few that pass",
    )


@pytest.mark.parametrize("limit", [1, 60, 100, 2_000])
@pytest.mark.parametrize(
    "layout",
    [
        HashPartitions("lang", 4),
        ListPartitions("lang", ("en", "de")),
        PartialIndexes("lang", ("en", "de")),
    ],
    ids=["hash", "list", "partial"],
)
def test_limit_rows_come_wherever_there_are_so_many(
    store: embeddb.Store, layout: Layout, limit: int
) -> None:
    docs = _languages(store, layout)
    query = np.ones(DIM, dtype=np.float32)
    for language in (*LANGUAGES, "none"):
        there = 0 if language == "none" else 100
        for filter, count in (
            ({"lang": language}, there),
            ({"lang": {"$eq": language}, "number": {"$lt": 200}}, there // 2),
        ):
            assert len(_same(docs, query, filter, limit)) == min(limit, count)


def test_declared_values_have_a_partition_each_and_others_the_default_one(
    store: embeddb.Store,
) -> None:
    docs = _languages(store, ListPartitions("lang", ("en", "de")), 8)
    docs.add([{"id": "none", "embedding": [1] * DIM}])
    places = _places(store)
    assert {places[f"v{number}"] for number in (0, 4)} == {"docs_g1_p0"}
    assert {places[f"v{number}"] for number in (1, 5)} == {"docs_g1_p1"}
    assert {places[id] for id in ("v2", "v3", "none")} == {"docs_g1_pd"}
    assert _parts(store)["none"] == ""


def test_a_search_reads_the_partition_that_it_asks_for(store: embeddb.Store) -> None:
    docs = _languages(store, ListPartitions("lang", ("en", "de")), 2_000)
    plan = _plan(docs, {"lang": "de"})
    assert "docs_g1_h1" in plan
    assert "docs_g1_p0" not in plan
    assert "docs_g1_pd" not in plan
    other = _plan(docs, {"lang": "fr"})  # which of those in the default one the filter says
    assert "docs_g1_pd" in other
    assert "docs_g1_p0" not in other
    assert "docs_g1_p1" not in other
    everything = _plan(docs, {"number": {"$gte": 0}})
    assert all(name in everything for name in ("docs_g1_h0", "docs_g1_h1", "docs_g1_hd"))


def test_a_hashed_value_is_looked_for_in_one_partition(store: embeddb.Store) -> None:
    docs = _languages(store, HashPartitions("lang", 8))
    partitions = {name for name in _plan(docs, {"lang": "de"}).split() if "_g1_p" in name}
    assert len({name.split("_p")[1].split("_")[0] for name in partitions}) == 1


def test_a_declared_value_is_searched_in_its_own_index(store: embeddb.Store) -> None:
    docs = _languages(store, PartialIndexes("lang", ("en", "de")), 2_000)
    assert "docs_g1_h1" in _plan(docs, {"lang": "de"})
    assert "docs_g1_h0" in _plan(docs, {"lang": {"$eq": "en"}})
    assert "docs_g1_h" not in _plan(docs, {"lang": "fr"}).replace("docs_g1_hnsw", "")
    assert "docs_g1_hnsw" in docs.explain(np.ones(DIM, dtype=np.float32), 5)


def test_a_filter_on_the_field_alone_asks_nothing_of_the_documents(store: embeddb.Store) -> None:
    for layout in (HashPartitions("lang", 4), PartialIndexes("lang", ("de",))):
        docs = _languages(store, layout)
        assert "filter_path" not in docs.sql([1] * DIM, filter={"lang": "de"})
        assert "filter_path" in docs.sql([1] * DIM, filter={"lang": "de", "number": 1})
        store.drop_collection("docs")


@pytest.mark.parametrize(
    "layout",
    [HashPartitions("lang", 8), ListPartitions("lang", ("en", "de"))],
    ids=["hash", "list"],
)
def test_a_change_of_metadata_moves_the_chunks(store: embeddb.Store, layout: Layout) -> None:
    docs = _languages(store, layout, 40)
    vectors = clustered(40, DIM, seed=3)
    moved = {"id": "v0", "embedding": vectors[0], "metadata": {"lang": "de"}}
    report = docs.add([moved])
    assert (report.updated, report.encoded) == (1, 0) or report.unchanged == 0
    assert _parts(store)["v0"] == "de"
    assert "v0" in _same(docs, vectors[0], {"lang": "de"})
    assert "v0" not in _same(docs, vectors[0], {"lang": "en"})
    docs.add([{"id": "v0", "embedding": vectors[0], "metadata": {}}])
    assert _parts(store)["v0"] == ""
    assert docs.count_chunks() == 40


def test_documents_are_replaced_and_deleted_wherever_they_lie(store: embeddb.Store) -> None:
    docs = _languages(store, HashPartitions("lang", 8), 40)
    docs.add([{"id": "v0", "embedding": [1] * DIM, "metadata": {"lang": "it"}}])
    assert docs.count_chunks() == 40
    assert docs.delete(ids=["v0", "v1"]) == 2
    assert docs.delete(filter={"lang": "it"}) == 10
    assert docs.count_chunks() == docs.count() == 28
    assert _same(docs, np.ones(DIM, dtype=np.float32), {"lang": "it"}) == []


@pytest.mark.parametrize(
    "layout",
    [
        HashPartitions("lang", 4),
        ListPartitions("lang", ("en", "de")),
        PartialIndexes("lang", ("en", "de")),
    ],
    ids=["hash", "list", "partial"],
)
def test_convert_keeps_the_layout_and_the_parts(store: embeddb.Store, layout: Layout) -> None:
    docs = _languages(store, layout, 80)
    before = _parts(store)
    docs.convert(storage="halfvec")
    assert store.collection("docs").record.generation.layout == layout
    table = docs.record.tables.chunks_name
    assert table != "docs_g1"
    assert _parts(store, table) == before
    assert len(_same(docs, np.ones(DIM, dtype=np.float32), {"lang": "de"})) == 10
    assert [index.name for index in docs.indexes() if not index.valid] == []


@pytest.mark.parametrize("index", [HNSW(), IVFFlat(lists=2), HNSW(on="halfvec")])
@pytest.mark.parametrize(
    "layout",
    [
        HashPartitions("lang", 4),
        ListPartitions("lang", ("en", "nobody speaks it")),
        PartialIndexes("lang", ("en", "nobody speaks it")),
    ],
    ids=["hash", "list", "partial"],
)
def test_indexes_are_built_in_every_partition_and_dropped_with_them(
    store: embeddb.Store, layout: Layout, index: embeddb.HNSW
) -> None:
    docs = _languages(store, layout, 100, index=index)
    assert all(info.valid for info in docs.indexes())
    assert Indexes(store.database, docs.record).missing(docs.record.generation.index) == []
    assert all(index_validity(store.url).values())
    assert docs.repair_indexes(dry_run=True) == []
    vector = next(info for info in docs.indexes() if info.method == index.method)
    assert vector.bytes > 0
    built = {name for name in index_validity(store.url) if docs.record.tables.is_vector_index(
        name, index.method)}  # fmt: skip
    declared = () if isinstance(layout, HashPartitions) else layout.values
    assert len(built) == 1 + len(layout.suffixes or declared)
    assert store.sizes("docs")[1] == 100
    assert min(store.sizes("docs")[2:]) > 0
    assert len(_same(docs, np.ones(DIM, dtype=np.float32), {"lang": "en"})) == 10
    docs.drop_index()
    left = set(index_validity(store.url))
    assert not built & left
    assert len(_same(docs, np.ones(DIM, dtype=np.float32), {"lang": "en"})) == 10
    docs.create_index(index)
    assert built <= set(index_validity(store.url))
    # another method takes its place
    docs.create_index(IVFFlat() if isinstance(index, HNSW) else HNSW())
    assert not built & set(index_validity(store.url))
    assert len(_same(docs, np.ones(DIM, dtype=np.float32), {"lang": "en"})) == 10


def test_what_an_interrupted_build_left_is_removed(store: embeddb.Store) -> None:
    docs = _languages(store, HashPartitions("lang", 4), 100)
    docs.drop_index()
    docs._update(store.collection("docs").record)
    for statement in (
        "CREATE INDEX docs_g1_hnsw ON ONLY embeddb.docs_g1 "
        "USING hnsw (embedding vector_cosine_ops)",
        "CREATE INDEX docs_g1_h0 ON embeddb.docs_g1_p0 USING hnsw (embedding vector_cosine_ops)",
        "ALTER INDEX embeddb.docs_g1_hnsw ATTACH PARTITION embeddb.docs_g1_h0",
        "CREATE INDEX docs_g1_h1 ON embeddb.docs_g1_p1 USING hnsw (embedding vector_cosine_ops)",
    ):
        rows(store.url, statement)
    faults = {fault.name: fault.remedy for fault in docs.repair_indexes(dry_run=True)}
    assert faults == {"docs_g1_hnsw": "drop"}
    assert [fault.done for fault in docs.repair_indexes()] == [True]
    assert not any("_g1_h" in name for name in index_validity(store.url))
    docs.create_index(HNSW())
    validity = index_validity(store.url)
    assert all(validity[f"docs_g1_h{number}"] for number in range(4))
    assert validity["docs_g1_hnsw"]


def test_a_build_tells_of_every_partition(store: embeddb.Store) -> None:
    docs = _languages(store, HashPartitions("lang", 4), 100)
    docs.drop_index()
    told: list[str] = []
    indexes = Indexes(store.database, docs.record)
    indexes.ensure(HNSW(), 100, lambda phase, done, total: told.append(phase))
    assert [phase for phase in told if phase.endswith("built")] == [
        *(f"partition {number} of 4: built" for number in (1, 2, 3)),
        "built",
    ]


def test_new_rows_go_through_the_indexes_by_themselves(store: embeddb.Store) -> None:
    docs = _languages(store, ListPartitions("lang", ("en", "de")), 4_000)
    near = np.full(DIM, 9, dtype=np.float32)
    docs.add([{"id": "new", "embedding": near, "metadata": {"lang": "de"}}])
    hits, plan = docs.search_with_plan(near, 1, filter={"lang": "de"})
    assert [hit.id for hit in hits] == ["new"]
    assert plan.index == "docs_g1_h1"


def test_drop_removes_everything(store: embeddb.Store) -> None:
    for layout in (HashPartitions("lang", 4), PartialIndexes("lang", ("en",))):
        _languages(store, layout, 20)
        store.drop_collection("docs")
        statement = "SELECT count(*) FROM pg_class WHERE relname LIKE 'docs%'"
        assert one(store.url, statement) == 0


@pytest.mark.parametrize("name", ['My "docs"; 100% of:it', "x" * 48, "dœcs's"])
@pytest.mark.parametrize(
    "layout",
    [HashPartitions(HOSTILE, 3), ListPartitions(HOSTILE, VALUES), PartialIndexes(HOSTILE, VALUES)],
    ids=["hash", "list", "partial"],
)
def test_hostile_names_and_values(store: embeddb.Store, name: str, layout: Layout) -> None:
    docs = _create(store, layout, name)
    docs.ingest(_documents(clustered(60, DIM), HOSTILE, list(VALUES)))
    for value in VALUES:
        found = _same(docs, np.ones(DIM, dtype=np.float32), {HOSTILE: value})
        assert len(found) == 5
        assert {docs.get(id)[0].metadata[HOSTILE] for id in found} == {value}
    store.drop_collection(name)


def test_no_value_is_taken_for_another(store: embeddb.Store) -> None:
    values = [value for value in STRANGE if not isinstance(value, dict | list)]
    query = np.ones(DIM, dtype=np.float32)
    expected: dict[int, list[str]] = {}
    for layout in (None, HashPartitions("v", 4), ListPartitions("v", ("a", "1", 1, True, "é"))):
        docs = _create(store, layout)
        docs.ingest(_documents(clustered(len(values), DIM), "v", values))
        for number, value in enumerate(STRANGE):
            if value in ({}, {"$eq": {}}, {"$eq": ["a"]}, {"$eq": {"$eq": "a"}}, []) or (
                isinstance(value, list)
            ):
                continue
            found = sorted(_same(docs, query, {"v": value}, 100))
            assert expected.setdefault(number, found) == found, value
        store.drop_collection("docs")
    assert any(len(found) > 1 for found in expected.values())  # 1 and 1.0


@pytest.mark.parametrize("field", ["tenant", "a.b", "q'q", "100%", "{}"])
def test_the_sql_function_says_what_python_says(database: str, field: str) -> None:
    layout = HashPartitions(field)
    for value in STRANGE:
        for filter in ({field: value}, {field: value, "other": 1}, {"$and": [{field: value}]}):
            statement = "SELECT embeddb.filter_part(%s::jsonb, %s)"
            said = one(database, statement, [json.dumps(filter), field])
            assert said == layout.asked(filter), filter
    for other in ("5", "null", "[]", f'["{field}"]', "{}"):
        assert one(database, "SELECT embeddb.filter_part(%s::jsonb, %s)", [other, field]) is None


def test_a_list_in_the_field_is_refused(store: embeddb.Store) -> None:
    docs = _create(store, HashPartitions("tenant"))
    document = {"id": "d", "embedding": [1] * DIM, "metadata": {"tenant": ["a", "b"]}}
    with pytest.raises(InvalidMetadataError, match="list in 'tenant'"):
        docs.add([document])
    report = docs.ingest([document, {**document, "id": "e", "metadata": {"tenant": "a"}}])
    assert (report.added, report.failed) == (1, 1)


def test_the_short_form_and_what_is_there_already(store: embeddb.Store) -> None:
    docs = store.create_collection("docs", model=None, dim=DIM, partition_by="tenant")
    assert docs.record.generation.layout == HashPartitions("tenant", 16)
    again = store.create_collection(
        "docs", model=None, dim=DIM, partition_by="tenant", exist_ok=True
    )
    assert again.record == docs.record
    with pytest.raises(CollectionExistsError, match="layout"):
        store.create_collection("docs", model=None, dim=DIM, exist_ok=True)


def test_ivfpq_is_refused(store: embeddb.Store) -> None:
    with pytest.raises(IndexSpecError, match="know nothing of a layout"):
        _create(store, HashPartitions("tenant"), index=embeddb.IVFPQ())
    docs = _create(store, HashPartitions("tenant"))
    with pytest.raises(IndexSpecError, match="know nothing of a layout"):
        docs.create_index(embeddb.IVFPQ())


def test_a_select_asks_for_the_part_too(store: embeddb.Store) -> None:
    docs = _languages(store, HashPartitions("lang", 4), 40)
    statement = str(docs.select([1] * DIM, filter={"lang": "de"}))
    assert "part" in statement
    shape, values = make_request(5, filter={"lang": "de"}, layout=docs.record.generation.layout)
    assert (shape.part, shape.filter, values) == (True, False, {"part": "de"})


def test_a_reader_needs_no_right_on_the_partitions(store: embeddb.Store) -> None:
    docs = _languages(store, ListPartitions("lang", ("en", "de")), 40)
    query = np.ones(DIM, dtype=np.float32)
    expected = [hit.id for hit in docs.search(query, 5, filter={"lang": "de"})]
    catalog = ("alembic_version", "collections", "generations", "models", "transforms")
    tables = ", ".join("embeddb." + name for name in ("docs", "docs_g1", *catalog))
    grants = ("GRANT USAGE ON SCHEMA embeddb TO {}", "GRANT SELECT ON " + tables + " TO {}")
    with role(store.url, *grants) as url:
        with embeddb.connect(url) as reader:
            hits = reader.collection("docs").search(query, 5, filter={"lang": "de"})
        by_sql = rows(
            url,
            "SELECT id FROM embeddb.docs_search(%s::vector, 5, %s::jsonb)",
            [str(query.tolist()), '{"lang": "de"}'],
        )
    assert [hit.id for hit in hits] == [row[0] for row in by_sql] == expected


def test_policies_may_ask_for_the_part(store: embeddb.Store) -> None:
    docs = _languages(store, HashPartitions("lang", 4), 40)
    for statement in (
        "ALTER TABLE embeddb.docs_g1 ENABLE ROW LEVEL SECURITY",
        "CREATE POLICY own ON embeddb.docs_g1 USING (part = 'de')",
    ):
        rows(store.url, statement)
    grants = (
        "GRANT USAGE ON SCHEMA embeddb TO {}",
        "GRANT SELECT ON ALL TABLES IN SCHEMA embeddb TO {}",
    )
    query = np.ones(DIM, dtype=np.float32)
    with role(store.url, *grants) as url, embeddb.connect(url) as reader:
        seen = reader.collection("docs")
        assert seen.search(query, 5, filter={"lang": "en"}) == []
        assert len(seen.search(query, 40)) == 10
    assert len(docs.search(query, 40)) == 40
