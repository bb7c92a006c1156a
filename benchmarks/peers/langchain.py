"""langchain-postgres (PGVectorStore, v2): load vectors, build its HNSW index, search by vector.

`run` measures as every peer is measured. `load`, `upsert` and `search` each do one thing for
benchmarks/write.py and benchmarks/search.py, and print one JSON object.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from typing import ClassVar
from uuid import UUID

import numpy as np
from langchain_core.documents import Document
from langchain_core.embeddings import Embeddings
from langchain_postgres import PGEngine, PGVectorStore
from langchain_postgres.v2.indexes import DistanceStrategy, HNSWIndex, HNSWQueryOptions
from measure import CLIENTS, EF_CONSTRUCTION, M, Search, main, metadata_of, text_of
from postgres import PostgresPeer

TABLE = "peer_langchain"

Records = tuple[list[str], list[list[float]], list[dict[str, int]], list[str]]


class NoEmbeddings(Embeddings):
    """The vectors are ready: nothing is embedded."""

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        raise RuntimeError("not called")

    def embed_query(self, text: str) -> list[float]:
        raise RuntimeError("not called")


def new_table(engine: PGEngine, dim: int) -> None:
    engine.init_vectorstore_table(
        table_name=TABLE, vector_size=dim, id_column="langchain_id", overwrite_existing=True
    )


def open_store(engine: PGEngine, ef: int | None = None) -> PGVectorStore:
    return PGVectorStore.create_sync(
        engine=engine,
        embedding_service=NoEmbeddings(),
        table_name=TABLE,
        distance_strategy=DistanceStrategy.COSINE_DISTANCE,
        index_query_options=None if ef is None else HNSWQueryOptions(ef_search=ef),
    )


def build_index(store: PGVectorStore) -> None:
    store.apply_vector_index(
        HNSWIndex(
            name="peer_hnsw",
            distance_strategy=DistanceStrategy.COSINE_DISTANCE,
            m=M,
            ef_construction=EF_CONSTRUCTION,
        )
    )


class LangChain(PostgresPeer):
    name = "langchain-postgres"
    package = "langchain-postgres"
    table = f"public.{TABLE}"
    notes: ClassVar[list[str]] = [
        "loaded by one add_embeddings(), which sends and commits row by row at any size",
        "ef_search is an option of the store, not of a search: a store opened for each value",
        "ids are UUIDs, the default",
    ]

    def __init__(self, url: str, dim: int, limit: int) -> None:
        super().__init__(url, dim, limit)
        self.engine = PGEngine.from_connection_string(
            url=self.with_driver("asyncpg"), pool_size=CLIENTS
        )
        new_table(self.engine, dim)
        self.store = open_store(self.engine)

    def records(self, vectors: np.ndarray) -> Records:
        rows = range(len(vectors))
        return (
            [text_of(row) for row in rows],
            vectors.tolist(),
            [metadata_of(row) for row in rows],
            [str(UUID(int=row)) for row in rows],
        )

    def load(self, records: Records) -> None:
        self.store.add_embeddings(*records)

    def build(self) -> None:
        build_index(self.store)

    def open(self, ef: int) -> Search:
        store = open_store(self.engine, ef)
        return lambda query: store.similarity_search_with_score_by_vector(query, k=self.limit)

    def ids(self, found: list[tuple[Document, float]]) -> list[int]:
        return [UUID(document.id).int for document, _ in found]


def one_task() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("task", choices=["load", "upsert", "search"])
    parser.add_argument("url", help="postgresql+asyncpg://…")
    parser.add_argument("vectors")
    parser.add_argument("--rows", type=int, default=5000)
    parser.add_argument("--queries", type=int, default=200)
    options = parser.parse_args()
    vectors = np.load(options.vectors)
    engine = PGEngine.from_connection_string(url=options.url)
    if options.task == "load":
        new_table(engine, vectors.shape[1])
    store = open_store(engine)
    if options.task == "search":
        print(json.dumps(search(store, vectors, options.queries)))
    else:
        print(json.dumps(add(store, vectors[: options.rows], moved=options.task == "upsert")))
        if options.task == "load":
            build_index(store)


def add(store: PGVectorStore, vectors: np.ndarray, *, moved: bool) -> dict[str, float]:
    if moved:
        vectors = np.roll(vectors, 1, axis=0)
    texts = [
        f"the gloss number {row} of a dictionary with some words" for row in range(len(vectors))
    ]
    ids = [str(UUID(int=row)) for row in range(len(vectors))]
    metadatas = [{"n": row} for row in range(len(vectors))]
    embeddings = vectors.tolist()
    started = time.perf_counter()
    store.add_embeddings(texts, embeddings, metadatas, ids)
    return {"rows_per_second": len(vectors) / (time.perf_counter() - started)}


def search(store: PGVectorStore, vectors: np.ndarray, count: int) -> dict[str, float]:
    queries = vectors[-count:].tolist()
    for query in queries[:20]:
        store.similarity_search_with_score_by_vector(query, k=10)
    times = []
    for query in queries:
        started = time.perf_counter()
        store.similarity_search_with_score_by_vector(query, k=10)
        times.append((time.perf_counter() - started) * 1000)
    return {"p50_ms": statistics.median(times)}


if __name__ == "__main__":
    if sys.argv[1:2] == ["run"]:
        main(LangChain)
    else:
        one_task()
