"""Creating, listing and dropping collections: every kind, and every name Postgres can take."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

import numpy as np
import psycopg
import pytest
from psycopg import sql

import embeddb
from embeddb import HNSW, IVFFlat
from embeddb.errors import (
    CollectionExistsError,
    CollectionNotFoundError,
    ConfigurationError,
    IndexResolvedWarning,
    IndexSpecError,
    InvalidNameError,
)
from embeddb.schema.distances import Distance
from embeddb.schema.names import RESERVED
from embeddb.schema.storage import Storage
from tests.support.encoders import HashEncoder
from tests.support.postgres import catalog, one, rows
from tests.support.vectors import as_documents, clustered

HOSTILE_NAMES = [
    'with "quotes"',
    "it's",
    "100%",
    "%s %(name)s %%",
    "{} {0} {name}",
    "two\nlines",
    "tab\tand space ",
    " leading",
    "日本語の文書",
    "Ünï çödé 🙂",
    'x"; DROP SCHEMA embeddb CASCADE; --',
    "$function$",
    "a.b",
    "a:b ::c",
    "back\\slash",
    "select",
    "UPPER",
    "docs_g",
    "docs_g1_hnsw",
    "\x01\x7f",
    "n" * 48,
    "ü" * 24,
]


def test_a_name_is_free_text(store: embeddb.Store) -> None:
    before = catalog(store.url)
    for name in HOSTILE_NAMES:
        _use(store, name)
    listed = [collection.name for collection in store.collections()]
    assert sorted(listed) == sorted(HOSTILE_NAMES)
    for name in HOSTILE_NAMES:
        store.drop_collection(name)
    assert store.collections() == []
    assert catalog(store.url) == before


def _use(store: embeddb.Store, name: str) -> None:
    docs = store.create_collection(name, model=HashEncoder())
    docs.ingest([{"id": "a", "content": "a cat", "metadata": {"n": 1}}, ("b", "a dog")])
    docs.add([{"id": "b", "content": "another dog"}])
    assert docs.search("cat", filter={"n": 1})[0].id == "a"
    assert docs.recall(sample=2).recall == 1.0
    assert store.sizes(name)[:2] == (2, 2)
    literal = "[" + ",".join(["1"] * 64) + "]"
    with psycopg.connect(store.url) as connection:
        function = sql.Identifier("embeddb", name + "_search")
        call = sql.SQL("SELECT count(*) FROM {}({}::vector)").format(function, literal)
        assert connection.execute(call).fetchone() == (2,)
        assert connection.execute(docs.sql("cat").encode()).fetchall()
    again = store.collection(name, encoder=HashEncoder())
    assert again.get(["b"])[0].content == "another dog"
    assert again.delete(ids=["b"]) == 1
    again.create_index(IVFFlat())


def test_names_that_are_taken_or_impossible_are_refused(store: embeddb.Store) -> None:
    impossible = ["", " ", "\n", "n" * 49, "ü" * 25, "a\0b", "\ud800", "docs_g1", "x_g42"]
    for name in [*impossible, *sorted(RESERVED)]:
        with pytest.raises(InvalidNameError) as caught:
            store.create_collection(name, model=None, dim=3)
        assert repr(name) in str(caught.value)
    assert store.collections() == []


def test_the_catalog_s_own_tables_are_all_reserved(database: str) -> None:
    found = rows(database, "SELECT tablename FROM pg_tables WHERE schemaname = 'embeddb'")
    assert {row[0] for row in found} <= RESERVED


def test_a_table_of_somebody_else_s_is_not_touched(store: embeddb.Store) -> None:
    rows(store.url, "CREATE TABLE embeddb.mine (id int)")
    with pytest.raises(InvalidNameError, match="no collection"):
        store.create_collection("mine", model=None, dim=3)
    assert store.collections() == []
    assert one(store.url, "SELECT count(*) FROM embeddb.generations") == 0


def test_two_names_may_share_their_first_letters(store: embeddb.Store) -> None:
    long = "n" * 47
    for last in "ab":
        store.create_collection(long + last, model=None, dim=3).add(
            [{"id": last, "embedding": [1, 2, 3]}]
        )
    for last in "ab":
        assert [hit.id for hit in store.collection(long + last).search([1, 2, 3])] == [last]


KINDS = [
    (storage.label, distance.label)
    for storage, distance in itertools.product(Storage, Distance)
    if (storage is Storage.BIT) == distance.of_bits
]


@pytest.mark.parametrize(("storage", "distance"), KINDS)
def test_every_kind_of_collection_can_be_made(
    store: embeddb.Store, storage: str, distance: str
) -> None:
    vectors = clustered(40, 6)
    for index in (None, HNSW(m=4, ef_construction=16), IVFFlat(lists=2, probes=2)):
        options: dict[str, Any] = {"storage": storage, "distance": distance, "index": index}
        if distance in ("l1", "jaccard") and isinstance(index, IVFFlat):
            with pytest.raises(IndexSpecError, match=f"no {distance} operator class"):
                store.create_collection("docs", model=None, dim=6, **options)
            continue
        docs = store.create_collection("docs", model=None, dim=6, **options)
        docs.add(as_documents(vectors))
        nearest = docs.search(vectors[7], 1)[0]
        if storage == "bit":
            assert nearest.distance == 0.0
        else:
            assert nearest.id == "v7" or distance == "inner_product"
        built = {info.method for info in docs.indexes() if info.valid}
        assert built == {"gin"} | ({index.method} if index else set())
        store.drop_collection("docs")


@pytest.mark.parametrize("storage", list(Storage))
@pytest.mark.parametrize("distance", list(Distance))
def test_a_distance_that_a_column_does_not_have_is_refused_before_anything_is_made(
    store: embeddb.Store, storage: Storage, distance: Distance
) -> None:
    if (storage.label, distance.label) in KINDS:
        return
    with pytest.raises(ConfigurationError, match=f"has no distance '{distance.label}'"):
        store.create_collection(
            "docs", model=None, dim=6, storage=storage.label, distance=distance.label
        )
    assert store.collections() == []


def test_an_index_may_be_named_by_its_method(store: embeddb.Store) -> None:
    chosen = [
        store.create_collection(method, model=None, dim=3, index=method).record.generation.index
        for method in ("hnsw", "ivfflat")
    ]
    assert chosen == [HNSW(), IVFFlat()]


def test_a_collection_is_remembered_as_it_was_made(store: embeddb.Store) -> None:
    encoder = HashEncoder(16)
    store.create_collection(
        "docs",
        model=encoder,
        distance="l2",
        storage="halfvec",
        index=HNSW(m=8, ef_construction=32, ef_search=50),
        chunker={"kind": "text", "max_tokens": 20, "overlap": 3},
        normalize=True,
    )
    store.create_collection("vecs", model=None, dim=5, index=None)
    with embeddb.connect(store.url) as again:
        docs, vecs = again.collections()
        generation = docs.record.generation
        assert (docs.name, docs.dim, generation.number, generation.state) == (
            "docs",
            16,
            1,
            "active",
        )
        assert generation.model == encoder.info
        assert generation.distance.label == "l2"
        assert generation.storage.label == "halfvec"
        assert generation.index == HNSW(m=8, ef_construction=32, ef_search=50)
        cut = {"kind": "text", "max_tokens": 20, "overlap": 3, "context": None, "version": 2}
        assert generation.chunker == cut
        assert generation.normalize
        assert vecs.record.generation.model is None
        assert vecs.record.generation.index is None


def test_a_collection_that_is_there_is_opened_only_if_asked_for(store: embeddb.Store) -> None:
    store.create_collection("docs", model=HashEncoder()).add([("a", "a cat")])
    with pytest.raises(CollectionExistsError, match="exist_ok=True"):
        store.create_collection("docs", model=HashEncoder())
    again = store.create_collection("docs", model=HashEncoder(), exist_ok=True)
    assert again.search("cat")[0].id == "a"
    others: list[dict[str, Any]] = [
        {"distance": "l2"},
        {"storage": "halfvec"},
        {"model": HashEncoder(32)},
    ]
    for options in others:
        with pytest.raises(CollectionExistsError, match="not"):
            store.create_collection("docs", **({"model": HashEncoder()} | options), exist_ok=True)


def test_a_collection_that_is_not_there_is_missed_by_name(store: embeddb.Store) -> None:
    store.create_collection("here", model=None, dim=3)
    for action in (store.collection, store.drop_collection, store.sizes):
        with pytest.raises(CollectionNotFoundError, match=r"'gone'.*'here'"):
            action("gone")


def test_a_dropped_collection_leaves_nothing(store: embeddb.Store) -> None:
    before = catalog(store.url)
    docs = store.create_collection("docs", model=HashEncoder())
    docs.add([("a", "a cat")])
    docs.recall(sample=1)
    store.drop_collection("docs")
    assert catalog(store.url) == before
    for table in ("collections", "generations", "recall_history"):
        assert rows(store.url, f"SELECT FROM embeddb.{table}") == []
    store.create_collection("docs", model=None, dim=3)


@pytest.mark.parametrize(
    ("storage", "dim", "on"),
    [("vector", 2001, "halfvec"), ("vector", 4001, "bit"), ("halfvec", 4001, "bit")],
)
def test_more_dimensions_than_an_index_takes_are_indexed_in_another_form(
    store: embeddb.Store, storage: str, dim: int, on: str
) -> None:
    indexes: list[HNSW | IVFFlat] = [HNSW(), IVFFlat()]
    for number, index in enumerate(indexes):
        with pytest.warns(IndexResolvedWarning, match=f"on='{on}'"):
            docs = store.create_collection(
                f"docs{number}", model=None, dim=dim, storage=storage, index=index
            )
        assert docs.record.generation.index == replace(index, on=on)
        assert store.collection(f"docs{number}").record == docs.record


@pytest.mark.parametrize("storage", ["vector", "halfvec", "int8"])
def test_an_index_that_no_dimensions_fit_is_refused_with_a_remedy(
    store: embeddb.Store, storage: str
) -> None:
    for index in (HNSW(on="subvector:4001"), IVFFlat(on="subvector:4001")):
        with pytest.raises(IndexSpecError, match="a smaller N"):
            store.create_collection("docs", model=None, dim=5_000, storage=storage, index=index)
    assert store.collections() == []


@pytest.mark.parametrize(
    ("storage", "dim"),
    [
        *(("vector", 1), ("vector", 16000), ("halfvec", 16000), ("halfvec", 4000)),
        *(("int8", 1), ("int8", 4000), ("int8", 16000), ("bit", 1), ("bit", 16000)),
    ],
)
def test_the_largest_and_smallest_vectors_are_stored(
    store: embeddb.Store, storage: str, dim: int
) -> None:
    index = HNSW(m=2, ef_construction=4) if dim <= 4000 else None
    distance = "hamming" if storage == "bit" else "cosine"
    docs = store.create_collection(
        "docs", model=None, dim=dim, storage=storage, distance=distance, index=index
    )
    vectors = clustered(5, dim)
    docs.add(as_documents(vectors))
    assert docs.search(vectors[3], 1, max_distance=2)[0].distance < 1e-3
    embedding = docs.get(["v3"], embeddings=True)[0].embedding
    assert embedding is not None
    if storage == "bit":
        assert np.array_equal(embedding > 0, vectors[3] > 0)
    else:
        step = np.abs(vectors[3]).max() / 100 if storage == "int8" else 0
        assert np.allclose(embedding, vectors[3], rtol=1e-3, atol=step)


@pytest.mark.parametrize("dim", [0, -1, 16001, None, "3", 2.5])
def test_a_dim_that_pgvector_cannot_store_is_refused(store: embeddb.Store, dim: Any) -> None:  # noqa: ANN401
    with pytest.raises(ConfigurationError, match="dim"):
        store.create_collection("docs", model=None, dim=dim, index=None)


@pytest.mark.parametrize(
    "options",
    [
        {"distance": "euclid"},
        {"distance": "hamming"},
        {"storage": "float8"},
        {"index": "flat"},
        {"chunker": "by magic"},
        {"dim": 5},
    ],
)
def test_an_unknown_choice_is_refused_before_anything_is_made(
    store: embeddb.Store, options: dict[str, Any]
) -> None:
    with pytest.raises(ConfigurationError):
        store.create_collection("docs", **{"model": HashEncoder(), "index": None} | options)
    assert store.collections() == []
