"""What there is in a database, as records that are ready for JSON."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import UTC, datetime
from uuid import UUID

import embeddb
from embeddb import HNSW, HashPartitions
from embeddb.db.migrate import head
from embeddb.repository.queue.workers import Workers, WorkerStatus
from tests.support.attaching import articles, attach, drain
from tests.support.encoders import HashEncoder
from tests.support.postgres import rows

STATUS = WorkerStatus(
    id=UUID(int=7),
    host="here",
    pid=42,
    version="1",
    started_at=datetime.now(UTC),
    collections=("articles",),
    processed=5,
    failed=1,
    wasted=2,
    rates={"articles": 60.0},
)


def test_the_server_and_its_collections_are_described(store: embeddb.Store) -> None:
    index = HNSW(m=8, on="bit", ef_search=50)
    docs = store.create_collection(
        "docs", model=HashEncoder(), storage="halfvec", index=index, chunker="text"
    )
    docs.add([{"id": "a", "content": "a cat on a mat"}])
    store.create_collection(
        "later", model=None, dim=8, transform="pca:4", layout=HashPartitions("tenant", 2)
    )
    status = store.status()
    assert (status.server.schema, status.server.revision) == ("embeddb", head())
    first, second = status.collections
    assert (first.name, first.documents, first.chunks, first.generation) == ("docs", 1, 1, 1)
    assert first.model is not None and first.model.name == "hash-64"
    assert (first.storage, first.dim, first.stored_dim, first.distance) == (
        *("halfvec", 64, 64),
        "cosine",
    )
    assert first.index is not None and first.index["m"] == 8 and first.index_state == "valid"
    assert {info.method for info in first.indexes} == {"hnsw", "gin"}
    assert (first.source, first.sync, first.problems, first.wanted) == (None, None, (), None)
    assert (second.model, second.index, second.index_state) == (None, None, "none")
    assert second.wanted is not None
    assert (second.wanted.transform, second.wanted.chunks_needed) == (("pca:4",), 8)
    assert second.layout == {"kind": "hash", "field": "tenant", "partitions": 2}


def test_the_state_of_an_index_is_what_postgres_says(store: embeddb.Store) -> None:
    docs = store.create_collection("docs", model=None, dim=3)
    docs.add([{"id": "a", "embedding": [1.0, 0.0, 0.0]}])
    rows(
        store.url,
        "UPDATE pg_index SET indisvalid = false "
        "WHERE indexrelid = 'embeddb.docs_g1_hnsw'::regclass",
    )
    assert store.status().collections[0].index_state == "invalid"
    rows(store.url, "DROP INDEX embeddb.docs_g1_hnsw")
    assert store.status().collections[0].index_state == "missing"


def test_an_attached_collection_has_its_table_and_its_queue(store: embeddb.Store) -> None:
    articles(store.url, 4)
    drain(store, attach(store))
    rows(store.url, "UPDATE articles SET title = 'new' WHERE id < 3")
    (found,) = store.status().collections
    assert found.source is not None and found.source["table"] == "articles"
    assert found.sync is not None
    assert (found.sync.pending, found.sync.failed, found.documents) == (2, 0, 4)
    rows(store.url, "DROP VIEW embeddb.articles")
    (found,) = store.status().collections
    assert found.documents is None
    assert len(found.problems) == 1 and "View articles is gone" in found.problems[0]


def test_workers_are_listed(store: embeddb.Store) -> None:
    assert store.workers == []
    with store.database.dedicated() as connection:
        Workers(store.database).report(connection, STATUS)
    (worker,) = store.workers
    assert (worker.pid, worker.processed, worker.rates) == (42, 5, {"articles": 60.0})
    assert 0 <= worker.silent_seconds < 60
    assert [found.pid for found in store.status().workers] == [42]


def test_a_status_is_ready_for_json(store: embeddb.Store) -> None:
    articles(store.url, 1)
    attach(store)
    with store.database.dedicated() as connection:
        Workers(store.database).report(connection, STATUS)
    data = json.loads(json.dumps(asdict(store.status()), default=str))
    assert data["collections"][0]["sync"]["source"] == "public.articles"
    assert data["workers"][0]["host"] == "here"
