"""Conversions: into every form, while others search and write, against others, and killed."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from typing import Any

import numpy as np
import psycopg
import pytest
from psycopg import sql

import embeddb
from embeddb import HNSW, IVFPQ, Collection, IVFFlat
from embeddb.db.vectors import to_int8
from embeddb.errors import (
    ConfigurationError,
    DatabaseError,
    GenerationChangedError,
    IndexSpecError,
    InvalidVectorError,
    TransformError,
)
from embeddb.pipeline.conversion import convert as module
from embeddb.pipeline.generation.form import keep_transform
from embeddb.pipeline.indexes.indexes import build_index
from embeddb.progress import Silent
from embeddb.repository.collections.collections import Collections
from embeddb.repository.collections.documents import Documents
from embeddb.repository.collections.generations import GenerationLock, Switchover
from tests.support.encoders import HashEncoder
from tests.support.postgres import one, role, rows, session
from tests.support.vectors import as_documents, clustered, distances

GRANT_SELECT = "GRANT SELECT ON ALL TABLES IN SCHEMA embeddb TO {}"
DIM = 24
ROWS = 300
VECTORS = clustered(ROWS, DIM, seed=5)


def _loaded(store: embeddb.Store, storage: str = "vector", **options: Any) -> Collection:  # noqa: ANN401
    options.setdefault("distance", "hamming" if storage == "bit" else "cosine")
    docs = store.create_collection("docs", model=None, dim=DIM, storage=storage, **options)
    docs.ingest(as_documents(VECTORS))
    return docs


def _tables(url: str) -> set[str]:
    found = rows(
        url,
        "SELECT relname FROM pg_class WHERE relnamespace = 'embeddb'::regnamespace "
        "AND relkind = 'r' AND relname ~ '^docs'",
    )
    return {row[0] for row in found}


def _generations(url: str) -> list[tuple[int, str]]:
    return [
        (number, state)
        for number, state in rows(url, "SELECT number, state FROM embeddb.generations ORDER BY 1")
    ]


def _by_sql(url: str, query: Any, limit: int = 10) -> list[str]:  # noqa: ANN401
    found = rows(
        url,
        "SELECT id FROM embeddb.docs_search(%s::vector, %s)",
        [str(np.asarray(query).tolist()), limit],
    )
    return [row[0] for row in found]


def _nearest(query: Any, limit: int = 10) -> set[str]:  # noqa: ANN401
    order = np.argsort(distances("cosine", query, VECTORS), kind="stable")[:limit]
    return {f"v{place}" for place in order}


def _ids(docs: Collection, query: Any, limit: int = 10) -> list[str]:  # noqa: ANN401
    return [hit.id for hit in docs.search(query, limit)]


# forms


@pytest.mark.parametrize(
    ("before", "after"), list(itertools.product(["vector", "halfvec", "int8"], repeat=2))
)
def test_numbers_take_every_kind_of_storage(store: embeddb.Store, before: str, after: str) -> None:
    docs = _loaded(store, before)
    docs.convert(storage=after)
    assert docs.record.generation.storage.label == after
    assert docs.record.generation.index == HNSW()
    assert docs.count_chunks() == docs.count() == ROWS
    for query in VECTORS[:5]:
        assert len(_nearest(query) & set(_ids(docs, query))) >= 9
        assert _by_sql(store.url, query) == _ids(docs, query)
    assert _tables(store.url) == {"docs", "docs_g2"}
    assert _generations(store.url) == [(2, "active")]


@pytest.mark.parametrize("before", ["vector", "halfvec", "int8", "bit"])
@pytest.mark.parametrize("distance", ["hamming", "jaccard"])
def test_everything_becomes_bits(store: embeddb.Store, before: str, distance: str) -> None:
    docs = _loaded(store, before)
    docs.convert(storage="bit", distance=distance)
    bits = rows(store.url, "SELECT id, embedding::text FROM embeddb.docs_g2")
    signs = VECTORS > 0
    if before == "int8":  # what is rounded to zero has no sign
        signs = to_int8(VECTORS)[0] > 0
    expected = {f"v{n}": "".join("01"[int(bit)] for bit in row) for n, row in enumerate(signs)}
    assert dict(bits) == expected
    assert _by_sql(store.url, VECTORS[3], 5) == _ids(docs, VECTORS[3], 5)


@pytest.mark.parametrize("after", ["vector", "halfvec", "int8"])
def test_numbers_are_not_made_of_bits(store: embeddb.Store, after: str) -> None:
    docs = _loaded(store, "bit")
    with pytest.raises(ConfigurationError, match="encode the documents again"):
        docs.convert(storage=after, distance="cosine")
    assert _generations(store.url) == [(1, "active")]


@pytest.mark.parametrize(
    ("form", "error"),
    [
        ({"storage": "bit"}, ConfigurationError),
        ({"distance": "hamming"}, ConfigurationError),
        ({"storage": "float"}, ConfigurationError),
        ({"transform": "pca:25"}, TransformError),
        ({"transform": "pca:200"}, TransformError),
        ({"transform": "what"}, TransformError),
        ({"index": HNSW(on="pca:8")}, IndexSpecError),
        ({"transform": "rotation:pca", "index": HNSW(on="bit")}, IndexSpecError),
        ({"transform": "autoencoder:8"}, TransformError),
    ],
)
def test_what_cannot_be_leaves_the_collection_as_it_was(
    store: embeddb.Store, form: dict[str, Any], error: type[Exception]
) -> None:
    docs = _loaded(store)
    before = _ids(docs, VECTORS[0])
    with pytest.raises(error):
        docs.convert(**form)
    assert _generations(store.url) == [(1, "active")]
    assert _tables(store.url) == {"docs", "docs_g1"}
    assert one(store.url, "SELECT count(*) FROM embeddb.transforms") == 0
    assert _ids(docs, VECTORS[0]) == before


def test_transforms_pile_up_and_queries_pass_through_all_of_them(store: embeddb.Store) -> None:
    docs = _loaded(store, index=None)
    for words in ("rotation:pca", ["matryoshka:20", "normalize"], "rotation:itq"):
        docs.convert(transform=words)
    transform = docs.record.generation.transform
    assert transform is not None
    assert transform.words == ("rotation:pca", "matryoshka:20", "normalize", "rotation:itq")
    assert docs.record.generation.stored_dim == 20 and docs.dim == DIM
    assert one(store.url, "SELECT count(*) FROM embeddb.transforms") == 1
    for query in VECTORS[:5]:
        assert len(_nearest(query) & set(_ids(docs, query))) >= 7
        assert _by_sql(store.url, query) == _ids(docs, query)
    docs.add([{"id": "again", "embedding": VECTORS[7]}])
    found = docs.search(VECTORS[7], 2)
    assert {hit.id for hit in found} == {"v7", "again"}
    assert found[0].distance == pytest.approx(found[1].distance, abs=1e-6)


@pytest.mark.parametrize(
    "index",
    [HNSW(on="bit"), HNSW(on="bit2"), HNSW(on="bit3"), HNSW(on="subvector:12"), IVFFlat(), IVFPQ()],
    ids=str,
)
def test_what_is_written_afterwards_is_found_through_the_new_index(
    store: embeddb.Store,
    index: Any,  # noqa: ANN401
) -> None:
    docs = _loaded(store)
    docs.convert(storage="int8", index=index)
    assert {info.method for info in docs.indexes() if info.valid} >= {index.method} - {"ivfpq"}
    docs.add([{"id": "later", "embedding": -VECTORS[0]}])
    assert _ids(docs, -VECTORS[0], 1) == _by_sql(store.url, -VECTORS[0], 1) == ["later"]
    docs.convert(index="exact")
    assert docs.record.generation.index is None
    assert _ids(docs, -VECTORS[0], 1) == ["later"]
    assert _tables(store.url) == {"docs", "docs_g3"}


def test_a_collection_without_an_index_stays_without(store: embeddb.Store) -> None:
    docs = _loaded(store, index=None)
    docs.convert(storage="int8")
    assert docs.record.generation.index is None


def test_an_empty_collection_is_converted_too(store: embeddb.Store) -> None:
    docs = store.create_collection("docs", model=None, dim=DIM)
    docs.convert(storage="int8", index=HNSW(on="bit"))
    docs.ingest(as_documents(VECTORS))
    assert _ids(docs, VECTORS[0], 1) == ["v0"]


def test_a_vector_that_the_form_cannot_hold_is_named(store: embeddb.Store) -> None:
    docs = store.create_collection("docs", model=None, dim=2, distance="l2")
    docs.add([{"id": "large", "embedding": [1e6, 0]}, {"id": "small", "embedding": [1, 0]}])
    with pytest.raises(InvalidVectorError, match="large"):
        docs.convert(storage="halfvec")
    assert _generations(store.url) == [(1, "active")]
    assert [hit.id for hit in docs.search([1, 0])] == ["small", "large"]


def test_whoever_may_read_the_old_table_may_read_the_new_one(store: embeddb.Store) -> None:
    docs = _loaded(store)
    grants = ("GRANT USAGE ON SCHEMA embeddb TO {}", GRANT_SELECT)
    with role(store.url, *grants) as url, embeddb.connect(url) as reader:
        docs.convert(storage="int8", index=IVFPQ())
        found = _ids(reader.collection("docs"), VECTORS[0])
        assert found == _ids(docs, VECTORS[0])
        assert _by_sql(url, VECTORS[0]) == found


# while others search


def test_searches_go_on_during_and_after(store: embeddb.Store) -> None:
    docs = _loaded(store)
    other = store.collection("docs")
    query = VECTORS[11]
    done = threading.Event()

    def ask(search: Callable[[], list[str]]) -> int:
        count = 0
        while not done.is_set() or not count:
            assert "v11" in search()[:2]
            count += 1
        return count

    with ThreadPoolExecutor(4) as threads:
        asking = [
            threads.submit(ask, lambda: _ids(other, query)),
            threads.submit(ask, lambda: _ids(store.collection("docs"), query)),
            threads.submit(ask, lambda: _by_sql(store.url, query)),
        ]
        try:
            for form in ({"storage": "int8"}, {"transform": "rotation"}, {"storage": "halfvec"}):
                docs.convert(**form)  # type: ignore[arg-type]
        finally:
            done.set()
        assert all(thread.result() > 0 for thread in asking)
    assert _ids(other, query) == _ids(docs, query) == _by_sql(store.url, query)
    assert other.record.generation.number == 4
    assert _tables(store.url) == {"docs", "docs_g4"}


def test_a_reader_keeps_the_old_table_until_it_is_done(
    store: embeddb.Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "FAREWELL_SECONDS", 0.1)
    monkeypatch.setattr(module, "LOCK_TIMEOUT_MS", 50)
    monkeypatch.setattr(module, "DROP_PAUSE_SECONDS", 0.01)
    docs = _loaded(store)
    with psycopg.connect(store.url) as reader:
        reader.execute("SELECT count(*) FROM embeddb.docs_g1")
        docs.convert(storage="int8")
        assert _generations(store.url) == [(1, "retired"), (2, "active")]
        assert reader.execute("SELECT count(*) FROM embeddb.docs_g1").fetchone() == (ROWS,)
        assert _ids(docs, VECTORS[0]) == _by_sql(store.url, VECTORS[0])
    docs.convert(storage="halfvec")
    assert _generations(store.url) == [(3, "active")]
    assert _tables(store.url) == {"docs", "docs_g3"}


def test_the_old_table_goes_when_its_last_reader_does(store: embeddb.Store) -> None:
    docs = _loaded(store)
    with psycopg.connect(store.url) as reader:
        reader.execute("SELECT count(*) FROM embeddb.docs_g1")
        with ThreadPoolExecutor(1) as threads:
            converting = threads.submit(docs.convert, storage="int8")
            _until(lambda: _generations(store.url) == [(1, "retired"), (2, "active")])
            time.sleep(0.2)
            assert not converting.done()
            assert _tables(store.url) == {"docs", "docs_g1", "docs_g2"}
            reader.rollback()
            converting.result()
    assert _generations(store.url) == [(2, "active")]
    assert _tables(store.url) == {"docs", "docs_g2"}


# while others write


def _write(url: str, writer: int, stop: threading.Event) -> dict[str, int | None]:
    """Add, replace and delete documents of the writer's own; give what must be there."""
    chance = np.random.default_rng(writer)
    there: dict[str, int | None] = {}
    with embeddb.connect(url) as store:
        docs = store.collection("docs", encoder=HashEncoder())
        round = 0
        while not stop.is_set() or round < 20:
            round += 1
            id = f"w{writer}-{chance.integers(30)}"
            for _ in range(10):
                try:
                    if chance.random() < 0.3:
                        docs.delete(ids=[id])
                        there[id] = None
                    else:
                        docs.add([{"id": id, "content": f"text {round} of {writer}"}])
                        there[id] = round
                    break
                except GenerationChangedError:
                    continue  # nothing was written, and the next call meets the new generation
            else:
                raise AssertionError("it was converted too often")
    return there


def test_what_is_written_meanwhile_is_not_lost(store: embeddb.Store) -> None:
    docs = store.create_collection("docs", model=HashEncoder())
    docs.ingest({"id": f"d{n}", "content": f"a text about {n}"} for n in range(400))
    stop = threading.Event()
    forms: list[dict[str, Any]] = [
        {"storage": "int8", "index": HNSW(on="bit2")},
        {"storage": "halfvec", "transform": "rotation"},
        {"index": IVFPQ()},
        {"storage": "vector", "index": HNSW()},
    ]
    with ThreadPoolExecutor(3) as threads:
        writing = [threads.submit(_write, store.url, n, stop) for n in range(3)]
        try:
            for form in forms:
                docs.convert(**form)
        finally:
            stop.set()
        there = {id: round for thread in writing for id, round in thread.result().items()}
    table = docs.record.tables.chunks_name
    chunks = rows(
        store.url,
        sql.SQL("SELECT id, chunk_no, content FROM embeddb.{}").format(sql.Identifier(table)),
    )
    expected = {f"d{n}": f"a text about {n}" for n in range(400)}
    expected |= {id: f"text {round} of {id[1]}" for id, round in there.items() if round is not None}
    assert sorted(chunks) == sorted((id, 0, content) for id, content in expected.items())
    assert dict(rows(store.url, "SELECT id, content FROM embeddb.docs")) == expected
    assert _generations(store.url) == [(len(forms) + 1, "active")]
    stored = Documents(store.database, docs.record).first_vectors(list(expected))
    transform = docs._form.transform
    assert transform is not None
    made = transform.apply(HashEncoder().encode(list(expected.values())))
    for (id, _), vector in zip(expected.items(), made, strict=True):
        assert np.abs(stored[id] - vector).max() < 0.02, id


def test_what_was_written_between_the_copy_and_the_switch_is_brought_over(
    store: embeddb.Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    docs = _loaded(store, index=IVFPQ())
    other = store.collection("docs")
    taken = module.take_over

    def late(*arguments: Any) -> Any:  # noqa: ANN401
        other.delete(ids=["v1", "v2"])
        changed = [{"id": "v3", "embedding": -VECTORS[3]}, {"id": "new", "embedding": VECTORS[1]}]
        other.add(changed)
        return taken(*arguments)

    monkeypatch.setattr(module, "take_over", late)
    docs.convert(storage="int8")
    assert docs.count_chunks() == docs.count() == ROWS - 1
    assert _ids(docs, VECTORS[1], 1) == ["new"] and _ids(docs, -VECTORS[3], 1) == ["v3"]
    assert not {"v1", "v2"} & set(_ids(docs, VECTORS[2], 50))
    codes = one(store.url, "SELECT count(*) FROM embeddb.docs_g2_codes")
    assert codes == ROWS - 1


# against others


def test_of_two_conversions_one_wins_and_the_other_leaves_nothing(store: embeddb.Store) -> None:
    first = _loaded(store)
    second = store.collection("docs")
    start = threading.Barrier(2)

    def run(docs: Collection, storage: str) -> str:
        start.wait()
        try:
            docs.convert(storage=storage)
        except GenerationChangedError:
            return "lost"
        return storage

    for _ in range(3):
        with ThreadPoolExecutor(2) as threads:
            outcomes = list(threads.map(run, (first, second), ("int8", "halfvec")))
        assert sorted(outcomes) in (["halfvec", "lost"], ["int8", "lost"]), outcomes
        ((number, state),) = _generations(store.url)
        assert state == "active"
        assert _tables(store.url) == {"docs", f"docs_g{number}"}
        won = next(outcome for outcome in outcomes if outcome != "lost")
        for docs in (first, second):  # the one that lost has met the new generation
            assert docs.record.generation.storage.label == won
            assert _ids(docs, VECTORS[5], 1) == ["v5"]


def test_a_generation_that_is_searched_is_not_dropped(store: embeddb.Store) -> None:
    docs = _loaded(store)
    assert Collections(store.database).drop_generation(docs.record) is False
    assert _ids(docs, VECTORS[5], 1) == ["v5"]


def test_an_interrupt_after_the_switch_costs_nothing(
    store: embeddb.Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    docs = _loaded(store)
    taken = module.take_over

    def interrupted(*arguments: Any) -> Any:  # noqa: ANN401
        taken(*arguments)
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "take_over", interrupted)
    with pytest.raises(KeyboardInterrupt):
        docs.convert(storage="int8")
    assert docs.record.generation.storage.label == "int8"
    assert docs.count_chunks() == ROWS and _ids(docs, VECTORS[5], 1) == ["v5"]


def test_a_conversion_while_the_collection_is_dropped_is_an_error(
    store: embeddb.Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    docs = _loaded(store)
    act = _stopped_after_copy(monkeypatch, lambda: store.drop_collection("docs"))
    with act, pytest.raises(embeddb.EmbedDBError):
        docs.convert(storage="int8")
    assert _tables(store.url) == set()


# killed


@contextmanager
def _stopped_after_copy(
    monkeypatch: pytest.MonkeyPatch, act: Callable[[], object]
) -> Iterator[None]:
    """Do something when the vectors are copied and the index is not built."""
    build = build_index
    with monkeypatch.context() as patch:

        def interfered(*arguments: Any) -> Any:  # noqa: ANN401
            patch.undo()
            act()
            return build(*arguments)

        patch.setattr(module, "build_index", interfered)
        yield


def _until(holds: Callable[[], bool], seconds: float = 10) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.01)


def _terminate_all(url: str) -> None:
    rows(
        url,
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
        "WHERE datname = current_database() AND pid <> pg_backend_pid()",
    )


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # a lost cursor
def test_sessions_that_end_in_the_middle_of_the_copy_leave_the_collection_as_it_was(
    store: embeddb.Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    docs = _loaded(store)
    before = _ids(docs, VECTORS[0])
    missing = Switchover.missing

    def ended(self: Switchover, *arguments: Any) -> Any:  # noqa: ANN401
        with closing(missing(self, *arguments)) as stream:
            for found in stream:
                _terminate_all(store.url)
                yield found

    with monkeypatch.context() as patch:
        patch.setattr(Switchover, "missing", ended)
        with pytest.raises(DatabaseError):
            docs.convert(storage="int8")
    assert _ids(docs, VECTORS[0]) == before
    docs.convert(storage="int8")
    ((_, state),) = _generations(store.url)
    assert state == "active"


def test_what_a_killed_conversion_left_is_dropped_by_the_next_one(store: embeddb.Store) -> None:
    docs = _loaded(store)
    form = module.Form(
        storage=docs.record.generation.storage,
        distance=docs.record.generation.distance,
        transform=("rotation:random",),
        index=HNSW(on="bit2"),
    )
    with GenerationLock(store.database) as claim:
        left = module.build_generation(store.database, docs.record, form, Silent(), claim)
        assert left.generation.number == 2
        module.drop_leftovers(store.database, docs.record)  # its maker is at work on it
        assert _generations(store.url) == [(1, "active"), (2, "building")]
        (fault,) = docs.repair_indexes(drop_generations=True)
        assert fault.kept and not fault.done
    assert _ids(docs, VECTORS[0], 1) == ["v0"]
    docs.convert(storage="int8")
    ((number, state),) = _generations(store.url)
    assert state == "active"
    assert _tables(store.url) == {"docs", f"docs_g{number}"}
    assert one(store.url, "SELECT count(*) FROM embeddb.transforms") == 0
    functions = "SELECT count(*) FROM pg_proc WHERE proname ~ '^docs_g'"
    assert one(store.url, functions) == 0


def test_a_conversion_whose_claim_was_lost_fails_and_harms_nobody(
    store: embeddb.Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    docs, other = _loaded(store), store.collection("docs")

    def act() -> None:
        _terminate_all(store.url)
        other.convert(storage="halfvec")

    with _stopped_after_copy(monkeypatch, act), pytest.raises(DatabaseError):
        docs.convert(storage="int8")
    ((number, state),) = _generations(store.url)
    assert state == "active" and _tables(store.url) == {"docs", f"docs_g{number}"}
    assert docs.record.generation.storage.label == "halfvec"
    assert _ids(docs, VECTORS[5], 1) == ["v5"]


def test_a_transform_that_lost_its_use_for_a_moment_is_kept_again(
    store: embeddb.Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    docs = _loaded(store)
    keep = keep_transform
    calls = []

    def kept(*arguments: Any) -> Any:  # noqa: ANN401
        info = keep(*arguments)
        calls.append(info.id)
        if len(calls) == 1:
            rows(store.url, "DELETE FROM embeddb.transforms")
        return info

    monkeypatch.setattr(module, "keep_transform", kept)
    docs.convert(transform="rotation")
    assert len(calls) == 2
    assert _ids(docs, VECTORS[5], 1) == ["v5"]


# transforms that wait for rows


def test_a_transform_is_learned_once_there_are_enough_rows(store: embeddb.Store) -> None:
    docs = store.create_collection(
        "docs", model=None, dim=DIM, storage="int8", transform="pca:8", index=HNSW(on="pca:4")
    )
    docs.ingest(as_documents(VECTORS[:10]))
    generation = docs.record.generation
    assert generation.wanted is not None and generation.transform is None
    assert set(_ids(docs, VECTORS[0], 3)) == set(
        f"v{n}" for n in np.argsort(distances("cosine", VECTORS[0], VECTORS[:10]))[:3]
    )
    assert _by_sql(store.url, VECTORS[0], 3) == _ids(docs, VECTORS[0], 3)
    with pytest.raises(TransformError, match=r"16 rows and there are 10"):
        docs.create_index()
    assert _ids(docs, VECTORS[0], 1) == ["v0"]
    docs.ingest(as_documents(VECTORS))
    generation = docs.record.generation
    assert generation.wanted is None and generation.transform is not None
    assert (generation.storage.label, generation.stored_dim) == ("int8", 8)
    assert generation.index == HNSW(on="pca:4")
    assert docs.count_chunks() == ROWS
    assert _ids(docs, VECTORS[5], 1) == _by_sql(store.url, VECTORS[5], 1) == ["v5"]


def test_an_index_for_a_waiting_transform_is_built_with_it(store: embeddb.Store) -> None:
    docs = store.create_collection("docs", model=None, dim=DIM, transform="pca:8", index=None)
    docs.ingest(as_documents(VECTORS), build_index=False)
    docs.create_index()
    assert docs.record.generation.index == HNSW()
    assert docs.record.generation.stored_dim == 8


def test_two_writers_may_both_find_that_there_are_enough_rows(store: embeddb.Store) -> None:
    store.create_collection("docs", model=None, dim=DIM, transform="pca:8")
    start = threading.Barrier(2)

    def ingest(half: int) -> int:
        docs = store.collection("docs")
        start.wait()
        for _ in range(5):
            try:
                return docs.ingest(as_documents(VECTORS)[half::2]).failed
            except GenerationChangedError:
                continue  # the other one converted it before this one had written
        raise AssertionError

    with ThreadPoolExecutor(2) as threads:
        assert list(threads.map(ingest, range(2))) == [0, 0]
    docs = store.collection("docs")
    assert docs.record.generation.stored_dim == 8
    assert docs.count_chunks() == docs.count() == ROWS
    ((_, state),) = _generations(store.url)
    assert state == "active"


@pytest.mark.parametrize(
    ("words", "index"),
    [(["pca:16", "normalize"], HNSW(on="pca:8")), (["rotation:pca", "matryoshka:8"], HNSW())],
    ids=str,
)
def test_an_index_that_suits_the_waiting_transform_suits_it_then(
    store: embeddb.Store, words: list[str], index: HNSW
) -> None:
    docs = store.create_collection("docs", model=None, dim=DIM, transform=words, index=index)
    docs.ingest(as_documents(VECTORS))
    assert docs.record.generation.index == index
    assert docs.record.generation.transform is not None


def test_sessions_are_given_back(store: embeddb.Store) -> None:
    docs = _loaded(store)
    docs.convert(storage="int8")
    locks = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND database = (%s)"
    own = "SELECT oid FROM pg_database WHERE datname = current_database()"
    with session(store.url) as connection:
        database = connection.execute(own).fetchone()
        assert database is not None
        assert connection.execute(locks, database).fetchone() == (0,)
