"""IVF-PQ on plain tables: what it finds, what it reads, and whose codes it has."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import psycopg
import pytest
import sqlalchemy as sa
from psycopg import sql

import embeddb
from embeddb import HNSW, IVFPQ, Collection
from embeddb.db.queries import Name
from embeddb.db.rendering import Expression, as_text
from embeddb.db.vectors import from_binary
from embeddb.errors import IndexBuildError, IndexSpecError, PermissionDeniedError
from embeddb.pipeline.indexes import ivfpq as building
from embeddb.quantizers import IVFPQCodebook, imbalance, training
from embeddb.records import Vector
from embeddb.repository.collections.documents import Documents
from embeddb.repository.indexes.ivfpq import Codes, as_compared
from embeddb.repository.indexes.ivfpq_build import CodesBuild
from embeddb.repository.search.options import Filter
from embeddb.schema.indexes import IndexSpec
from embeddb.schema.vector_expressions import Vectors
from tests.support.postgres import one, role, rows, session
from tests.support.vectors import as_documents, clustered

DIM = 32
ROWS = 3_000
VECTORS = clustered(ROWS, DIM, seed=21)
QUERIES = clustered(20, DIM, seed=21) + np.float32(0.05)
SPEC = IVFPQ(lists=40, subvectors=8, probes=6, oversample=10)
GRANTS = (
    "GRANT USAGE ON SCHEMA embeddb TO {}",
    "GRANT SELECT ON ALL TABLES IN SCHEMA embeddb TO {}",
)


def _made(
    store: embeddb.Store, name: str = "docs", index: IndexSpec | None = SPEC, **options: str
) -> Collection:
    return store.create_collection(name, model=None, dim=DIM, index=index, **options)  # type: ignore[arg-type]


def _loaded(store: embeddb.Store, index: IndexSpec | None = SPEC, **options: str) -> Collection:
    docs = _made(store, index=index, **options)
    docs.ingest(as_documents(VECTORS))
    return docs


def _recall(docs: Collection, filter: Filter = None) -> float:
    found = [_ids(docs.search(query, 10, filter=filter)) for query in QUERIES]
    truth = [_ids(docs.search(query, 10, filter=filter, exact=True)) for query in QUERIES]
    return float(np.mean([len({*a} & {*b}) / len(b) for a, b in zip(found, truth, strict=True)]))


def _ids(hits: list[embeddb.Hit]) -> list[str]:
    return [hit.id for hit in hits]


def _codebook(store: embeddb.Store, name: str = "docs") -> IVFPQCodebook:
    record = store.collection(name).record
    with store.database.connection() as connection:
        found = Codes(store.database, record).codebook(connection)
    assert found is not None
    assert found.words is not None
    return found.words


def _check_codes(store: embeddb.Store, name: str = "docs") -> None:
    """Check that each chunk has one code, which is that of its vector as it is stored."""
    record = store.collection(name).record
    generation, words = record.generation, _codebook(store, name)
    compared = Vectors(record, schema="embeddb", vector_schema="public").stored(
        _Columns("embedding", "scale")
    )
    statement = sql.SQL("SELECT id, chunk_no, ({})::public.vector::text FROM {}").format(
        sql.SQL(as_text(compared)[0]), sql.Identifier("embeddb", record.tables.chunks_name)
    )
    stored = {row[:2]: row[2] for row in rows(store.url, statement)}
    statement = sql.SQL("SELECT id, chunk_no, list, code, correction FROM {}").format(
        sql.Identifier("embeddb", record.tables.codes_name)
    )
    codes = rows(store.url, statement)
    assert sorted(row[:2] for row in codes) == sorted(stored)
    texts = [stored[row[:2]] for row in codes]
    vectors = np.array([text[1:-1].split(",") for text in texts], np.float32)
    assert vectors.shape[1] == generation.stored_dim
    lists, expected, corrections = words.assign(vectors)
    assert [row[2] for row in codes] == lists.tolist()
    assert [row[3] for row in codes] == [bytes(code) for code in expected]
    np.testing.assert_allclose([row[4] for row in codes], corrections, rtol=1e-5)


class _Columns:
    def __init__(self, *names: str) -> None:
        columns: list[Expression] = [sa.literal_column(name) for name in names]
        self.embedding, self.scale = columns


def _tables(url: str) -> set[str]:
    found = rows(url, "SELECT tablename FROM pg_tables WHERE schemaname = 'embeddb'")
    return {row[0] for row in found if row[0].startswith("docs")}


def _functions(url: str) -> set[str]:
    statement = "SELECT proname FROM pg_proc WHERE pronamespace = 'embeddb'::regnamespace"
    return {row[0] for row in rows(url, statement) if row[0].startswith("docs")}


def _sql_ids(url: str, query: Vector, *arguments: int | str, name: str = "docs") -> list[str]:
    function = Name("embeddb", name + "_search")
    places = sql.SQL(", ").join(sql.Placeholder() * (1 + len(arguments)))
    statement = sql.SQL("SELECT id FROM {}({})").format(function, places)
    return [row[0] for row in rows(url, statement, [str(query.tolist()), *arguments])]


@pytest.mark.parametrize("distance", ["cosine", "l2", "inner_product"])
@pytest.mark.parametrize("storage", ["vector", "halfvec", "int8"])
def test_it_finds_what_exact_search_finds(
    store: embeddb.Store, storage: str, distance: str
) -> None:
    docs = _loaded(store, storage=storage, distance=distance)
    assert _recall(docs) >= 0.9
    hits = docs.search(QUERIES[0], 10)
    exact = {hit.id: hit for hit in docs.search(QUERIES[0], 50, exact=True)}
    assert all(hit == exact[hit.id] for hit in hits if hit.id in exact), "rescored by the stored"
    for query in QUERIES[:5]:
        assert _sql_ids(store.url, query, 10) == _ids(docs.search(query, 10))
    assert _ids(docs.similar("v7", 5)) and "v7" not in _ids(docs.similar("v7", 5))
    _check_codes(store)


@pytest.mark.parametrize("distance", ["cosine", "l2", "inner_product"])
def test_rows_of_new_directions_are_found_by_their_own_vector(
    store: embeddb.Store, distance: str
) -> None:
    # one side of space in training, the other afterwards: no centre is near
    seen = np.abs(VECTORS)
    docs = _made(store, distance=distance)
    docs.ingest(as_documents(seen))
    new = -np.abs(np.random.default_rng(3).normal(size=(60, DIM)).astype(np.float32))
    new *= (np.arange(60) % 5 + 1)[:, np.newaxis].astype(np.float32)
    docs.add(
        embeddb.Document(id=f"new{place}", content=f"new {place}", embedding=vector)
        for place, vector in enumerate(new)
    )
    asked = range(60) if distance != "inner_product" else range(4, 60, 5)  # the longest ones
    found = [f"new{place}" in _ids(docs.search(new[place], 10)) for place in asked]
    true = [f"new{place}" in _ids(docs.search(new[place], 10, exact=True)) for place in asked]
    assert sum(found) >= 0.8 * sum(true) > 0


def test_only_the_nearest_lists_are_read(store: embeddb.Store) -> None:
    docs = _loaded(store)
    plan = docs.explain(QUERIES[0], 10, analyze=True)
    assert "Index Scan using docs_g1_ivfpq on docs_g1_codes" in plan
    read = next(line for line in plan.splitlines() if "docs_g1_codes k" in line)
    assert "loops=6" in read
    assert float(read.split("actual ")[1].split("rows=")[1].split()[0]) * 6 < ROWS / 3
    chunks = [line for line in plan.splitlines() if "Seq Scan on docs_g1 " in line]
    assert all("never executed" in line for line in chunks)


def test_an_index_is_listed_measured_and_used(store: embeddb.Store) -> None:
    docs = _loaded(store)
    listed = {info.method: info for info in docs.indexes()}
    assert set(listed) == {"gin", "ivfpq"}
    assert listed["ivfpq"].name == "docs_g1_ivfpq" and listed["ivfpq"].valid
    sizes = store.sizes("docs")
    assert sizes[3] >= listed["ivfpq"].bytes > 0
    docs.drop_index()
    assert store.sizes("docs")[3] <= sizes[3] - listed["ivfpq"].bytes
    docs.create_index(SPEC)
    counts = Codes(store.database, docs.record).counts()
    assert len(counts) == 40 and sum(counts) == ROWS
    assert 1 <= imbalance(counts) < 5
    assert docs.recall(sample=20).index_used


def test_few_pass_a_filter_or_many(store: embeddb.Store) -> None:
    docs = _loaded(store)
    assert _recall(docs, filter={"number": {"$lt": 30}}) == 1
    assert _recall(docs, filter={"even": True}) >= 0.9
    assert _recall(docs, filter={"tenth": 3}) >= 0.9
    for filter in ('{"even": true}', '{"number": {"$lt": 30}}'):
        asked = json.loads(filter)
        hits = docs.search(QUERIES[0], 10, filter=asked)
        assert _sql_ids(store.url, QUERIES[0], 10, filter) == _ids(hits)
    column = docs.columns["metadata"]["number"].as_integer()
    found = docs.search(QUERIES[0], 5, filter=column < 10)
    assert {hit.metadata["number"] for hit in found} <= set(range(10))


def test_as_many_as_are_asked_for_are_found(store: embeddb.Store) -> None:
    docs = _loaded(store, index=IVFPQ(lists=70, subvectors=4, probes=1, oversample=1))
    assert len(docs.search(QUERIES[0], 500)) == 500
    assert len(docs.search(QUERIES[0], ROWS + 5)) == ROWS
    assert len(_sql_ids(store.url, QUERIES[0], 500)) == 500


def test_writes_keep_the_codes_true(store: embeddb.Store) -> None:
    docs = _loaded(store, storage="int8")
    moved = [{"id": f"v{n}", "embedding": -VECTORS[n]} for n in range(0, 600, 2)]
    new = [{"id": f"new{n}", "embedding": VECTORS[n] * 2} for n in range(200)]
    assert docs.ingest(moved + new).updated == len(moved)
    assert docs.delete(ids=[f"v{n}" for n in range(1000, 1100)]) == 100
    assert docs.delete(filter={"number": {"$gte": 2900}}) == 100
    docs.add([{"id": "one", "embedding": QUERIES[0]}])
    assert _ids(docs.search(QUERIES[0], 1)) == ["one"]
    assert _ids(docs.search(-VECTORS[0], 1)) == ["v0"]
    _check_codes(store)
    with pytest.raises(embeddb.EmbedDBError):
        docs.add([{"id": "two", "embedding": QUERIES[1]}, {"id": "bad", "embedding": [1.0]}])
    _check_codes(store)


def test_a_writer_that_knows_of_no_index_writes_codes(store: embeddb.Store) -> None:
    docs = _loaded(store, index=None)
    old = store.collection("docs")
    old.add([{"id": "before", "embedding": QUERIES[1]}])
    docs.create_index(SPEC)
    old.add([{"id": "after", "embedding": QUERIES[0]}, {"id": "v1", "embedding": QUERIES[2]}])
    old.delete(ids=["v2"])
    _check_codes(store)
    assert _ids(docs.search(QUERIES[0], 1)) == ["after"]
    docs.create_index(IVFPQ(lists=20, subvectors=4, probes=4))
    old.add([{"id": "later", "embedding": QUERIES[3]}])
    _check_codes(store)


def test_others_write_while_it_is_built(
    store: embeddb.Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    docs = _loaded(store, index=None)
    load = CodesBuild.load

    def write_and_load(build: CodesBuild) -> None:
        other = store.collection("docs")
        other.add([{"id": f"v{n}", "embedding": -VECTORS[n]} for n in range(10)])
        other.add([{"id": "new", "embedding": QUERIES[0]}])
        other.delete(ids=["v20", "v21"])

        load(build)

    monkeypatch.setattr(CodesBuild, "load", write_and_load)
    docs.create_index(SPEC)
    assert docs.count() == ROWS - 1
    _check_codes(store)


def test_writers_and_builders_at_once(store: embeddb.Store) -> None:
    docs = _loaded(store)
    stop = threading.Event()

    def write(first: int) -> None:
        other = store.collection("docs")
        number = first
        while not stop.is_set():
            chosen = [(number + step) % ROWS for step in range(20)]
            other.add([{"id": f"v{n}", "embedding": VECTORS[n] + 0.1} for n in sorted(chosen)])
            other.delete(ids=[f"v{(number * 7) % ROWS}"])
            number += 20

    def search() -> None:
        other = store.collection("docs")
        while not stop.is_set():
            assert len(other.search(QUERIES[0], 10)) == 10

    with ThreadPoolExecutor(3) as threads:
        running: list[Any] = [threads.submit(write, first) for first in (0, 1500)]
        running.append(threads.submit(search))
        try:
            for subvectors in (4, 8):
                docs.create_index(IVFPQ(lists=30, subvectors=subvectors, probes=5))
        finally:
            stop.set()
        for future in running:
            future.result()
    _check_codes(store)


def test_building_again_learns_again(store: embeddb.Store) -> None:
    docs = _made(store, index=IVFPQ(lists=10, subvectors=8, probes=3))
    docs.ingest(as_documents(VECTORS[:600]))
    before = _codebook(store)
    old = store.collection("docs")
    assert len(old.search(QUERIES[0], 5)) == 5
    docs.ingest(as_documents(VECTORS))
    np.testing.assert_array_equal(_codebook(store).centroids, before.centroids)
    docs.create_index()
    assert not np.array_equal(_codebook(store).centroids, before.centroids)
    assert _recall(docs) >= 0.8
    _check_codes(store)
    # an older record's codebook is another: the statement then makes its own table
    assert _ids(old.search(QUERIES[0], 10)) == _ids(docs.search(QUERIES[0], 10))
    docs.create_index(IVFPQ(lists=20, subvectors=4, probes=20))
    assert len(old.search(QUERIES[0], 10)) == 10


def test_another_process_may_take_the_index_away(store: embeddb.Store) -> None:
    docs = _loaded(store)
    other = store.collection("docs")
    other.search(QUERIES[0])
    docs.drop_index()
    assert _ids(other.search(QUERIES[0])) == _ids(docs.search(QUERIES[0], exact=True))
    other.add([{"id": "new", "embedding": QUERIES[0]}], build_index=False)
    assert _tables(store.url) == {"docs", "docs_g1"}


def test_a_codebook_comes_back_as_it_was(
    store: embeddb.Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    learned: list[IVFPQCodebook] = []
    train = training.train

    def keep(vectors: Vector, **options: Any) -> IVFPQCodebook:  # noqa: ANN401
        learned.append(train(vectors, **options))
        return learned[-1]

    monkeypatch.setattr(building, "train", keep)
    _loaded(store, index=IVFPQ(lists=12, subvectors=5, probes=3))
    read = _codebook(store)
    for name, array in learned[0].to_arrays().items():
        np.testing.assert_array_equal(read.to_arrays()[name], array)


def test_sql_makes_the_same_lookup_table(store: embeddb.Store) -> None:
    _loaded(store, index=IVFPQ(lists=12, subvectors=5, probes=3))
    statement = "SELECT embeddb.docs_g1_table(public.l2_normalize(%s::public.vector))"
    table = one(store.url, statement, [str(QUERIES[0].tolist())])
    expected = _codebook(store).table(QUERIES[0]).reshape(5, 256)
    np.testing.assert_allclose(np.array(table), expected, atol=1e-5)


def test_too_few_rows_are_searched_exactly(store: embeddb.Store) -> None:
    docs = _made(store, index=IVFPQ())
    assert docs.search(QUERIES[0]) == []
    docs.ingest(as_documents(VECTORS[:100]))
    assert {info.method for info in docs.indexes()} == {"gin"}
    assert _recall(docs) == 1
    assert _sql_ids(store.url, QUERIES[0], 5) == _ids(docs.search(QUERIES[0], 5))
    with pytest.raises(IndexSpecError, match=r"256 rows .* has 100"):
        docs.create_index()
    docs.add(as_documents(VECTORS[:600])[100:])
    assert {info.method for info in docs.indexes()} == {"gin", "ivfpq"}
    assert docs.record.generation.index == IVFPQ(lists=15, subvectors=8, probes=2)
    _check_codes(store)


def test_a_spec_that_is_complete_waits_for_rows_too(store: embeddb.Store) -> None:
    docs = _made(store)
    docs.ingest(as_documents(VECTORS[:1000]))
    assert {info.method for info in docs.indexes()} == {"gin"}
    assert _recall(docs) == 1
    assert _recall(docs, filter={"even": True}) == 1
    assert _sql_ids(store.url, QUERIES[0], 5) == _ids(docs.search(QUERIES[0], 5))
    with pytest.raises(IndexSpecError, match=r"1,560 rows .* has 1,000.*25 lists or fewer"):
        docs.create_index()
    docs.add(as_documents(VECTORS)[1000:])
    assert {info.method for info in docs.indexes()} == {"gin", "ivfpq"}


def test_it_takes_the_place_of_another_index_and_gives_it_up(store: embeddb.Store) -> None:
    docs = _loaded(store, index=HNSW())
    docs.create_index(SPEC)
    assert {info.method for info in docs.indexes()} == {"gin", "ivfpq"}
    docs.create_index(HNSW())
    assert {info.method for info in docs.indexes()} == {"gin", "hnsw"}
    assert _tables(store.url) == {"docs", "docs_g1"}
    assert _functions(store.url) == {"docs_search", "docs_similar"}
    docs.create_index(SPEC)
    store.drop_collection("docs")
    assert _tables(store.url) == set()
    assert _functions(store.url) == set()


def _cancel(*arguments: object) -> None:
    raise KeyboardInterrupt


def _refuse(*arguments: object) -> None:
    raise psycopg.errors.DiskFull("no space left")


@pytest.mark.parametrize("where", ["stage", "load", "stop_writers", "switch"])
@pytest.mark.parametrize(
    ("how", "error"), [(_cancel, KeyboardInterrupt), (_refuse, IndexBuildError)]
)
def test_a_build_that_fails_leaves_everything_as_it_was(
    store: embeddb.Store,
    monkeypatch: pytest.MonkeyPatch,
    where: str,
    how: Callable[..., None],
    error: type[BaseException],
) -> None:
    docs = _made(store, index=IVFPQ(lists=8, subvectors=4, probes=3))
    docs.ingest(as_documents(VECTORS[:500]))
    before = _tables(store.url), _codebook(store).centroids, docs.search(QUERIES[0])
    monkeypatch.setattr(CodesBuild, where, how)
    with pytest.raises(error):
        docs.create_index(IVFPQ(lists=4, subvectors=4, probes=2))
    assert _tables(store.url) == before[0]
    np.testing.assert_array_equal(_codebook(store).centroids, before[1])
    again = store.collection("docs")
    assert again.record.generation.index == IVFPQ(lists=8, subvectors=4, probes=3)
    assert again.search(QUERIES[0]) == before[2]
    _check_codes(store)


def test_a_build_that_loses_its_connection_leaves_nothing(
    store: embeddb.Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    docs = _loaded(store, index=HNSW())
    load = CodesBuild.load

    def die(build: CodesBuild) -> None:
        pid = build._connection.info.backend_pid
        with session(store.url) as other:
            other.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])
        load(build)

    monkeypatch.setattr(CodesBuild, "load", die)
    with pytest.raises(IndexBuildError, match="docs_g1_ivfpq"):
        docs.create_index(SPEC)
    assert {info.method for info in docs.indexes() if info.valid} == {"gin", "hnsw"}
    assert _tables(store.url) == {"docs", "docs_g1"}


def test_a_hostile_name_is_no_trouble(store: embeddb.Store) -> None:
    name = 'My "own"; 100%'
    docs = _made(store, name, index=IVFPQ(lists=8, subvectors=4, probes=3))
    docs.ingest(as_documents(VECTORS[:500]))
    assert _ids(docs.search(VECTORS[3], 1)) == ["v3"]
    assert _ids(docs.search(VECTORS[3], 1, filter={"even": False})) == ["v3"]
    assert _sql_ids(store.url, VECTORS[3], 5, name=name) == _ids(docs.search(VECTORS[3], 5))
    docs.add([{"id": "v3", "embedding": VECTORS[4]}])
    docs.create_index()
    _check_codes(store, name)
    assert docs.sql(VECTORS[3])
    assert rows(store.url, docs.sql(VECTORS[3], 3))
    docs.drop_index()
    store.drop_collection(name)


def test_the_longest_name_of_a_collection_leaves_room(store: embeddb.Store) -> None:
    name = "n" * 48
    docs = _made(store, name, index=IVFPQ(lists=8, subvectors=4, probes=3))
    docs.ingest(as_documents(VECTORS[:500]))
    docs.create_index()
    assert {info.name for info in docs.indexes()} == {name + "_metadata", name + "_g1_ivfpq"}


def test_a_reader_can_search_also_after_a_build(store: embeddb.Store) -> None:
    docs = _loaded(store)
    with role(store.url, *GRANTS) as url:
        docs.create_index()
        with embeddb.connect(url) as reading:
            found = reading.collection("docs")
            assert _ids(found.search(QUERIES[0])) == _ids(docs.search(QUERIES[0]))
            assert _sql_ids(url, QUERIES[0], 10) == _ids(docs.search(QUERIES[0], 10))
            seen, own = found.indexes(), docs.indexes()  # their counters go on meanwhile
            assert [(info.name, info.valid) for info in seen] == [
                (info.name, info.valid) for info in own
            ]
            with pytest.raises(PermissionDeniedError):
                found.create_index()
    _check_codes(store)


def test_a_converted_collection_has_codes_of_its_own(store: embeddb.Store) -> None:
    docs = _loaded(store)
    docs.convert(storage="int8")
    assert docs.record.generation.number == 2
    _check_codes(store)
    assert _recall(docs) >= 0.9
    assert {name for name in _tables(store.url) if "_g1" in name} == set()


def test_a_statement_can_be_taken_elsewhere(store: embeddb.Store) -> None:
    docs = _loaded(store)
    expected = _ids(docs.search(QUERIES[0], 5))
    assert [row[0] for row in rows(store.url, docs.sql(QUERIES[0], 5))] == expected
    engine = sa.create_engine(store.url.replace("postgresql:", "postgresql+psycopg:"))
    with engine.connect() as connection:
        found = connection.execute(docs.select(QUERIES[0], 5)).fetchall()
    engine.dispose()
    assert [row.id for row in found] == expected


def test_progress_is_shown(store: embeddb.Store, capsys: pytest.CaptureFixture[str]) -> None:
    docs = _loaded(store, index=None)
    docs.create_index(SPEC, progress=True)
    assert "index" in capsys.readouterr().err


@pytest.mark.parametrize("distance", ["cosine", "l2"])
@pytest.mark.parametrize("storage", ["vector", "halfvec", "int8"])
def test_vectors_are_encoded_as_they_are_read_later(
    store: embeddb.Store, storage: str, distance: str
) -> None:
    docs = _made(store, index=None, storage=storage, distance=distance)
    docs.ingest(as_documents(VECTORS[:200]))
    statement = "SELECT id FROM embeddb.docs_g1 ORDER BY id"
    ids = [row[0] for row in rows(store.url, statement)]
    sent = Vectors(docs.record, schema="embeddb", vector_schema="public")
    query = sql.SQL("SELECT {} FROM embeddb.docs_g1 c ORDER BY id").format(
        sql.SQL(as_text(sent.sent_as_compared("c"))[0])
    )
    read = from_binary(
        [row[0] for row in rows(store.url, query)], docs.record.generation.storage.compared_as, DIM
    )
    given = VECTORS[[int(id[1:]) for id in ids]]
    np.testing.assert_array_equal(as_compared(given, docs.record.generation), read)
    assert Documents(store.database, docs.record).count_chunks() == 200
