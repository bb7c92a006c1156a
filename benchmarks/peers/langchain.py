"""langchain-postgres (PGVectorStore, v2): write vectors, upsert them, search; prints JSON."""

import argparse
import json
import statistics
import time
from uuid import UUID

import numpy as np
from langchain_core.embeddings import Embeddings
from langchain_postgres import PGEngine, PGVectorStore
from langchain_postgres.v2.indexes import DistanceStrategy, HNSWIndex

TABLE = "peer_langchain"


class NoEmbeddings(Embeddings):
    """The vectors are ready: nothing is embedded."""

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        raise RuntimeError("not called")

    def embed_query(self, text: str) -> list[float]:
        raise RuntimeError("not called")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("task", choices=["load", "upsert", "search"])
    parser.add_argument("url", help="postgresql+asyncpg://…")
    parser.add_argument("vectors")
    parser.add_argument("--rows", type=int, default=5000)
    parser.add_argument("--queries", type=int, default=200)
    options = parser.parse_args()
    vectors = np.load(options.vectors)
    engine = PGEngine.from_connection_string(url=options.url)
    if options.task == "load":
        engine.init_vectorstore_table(
            table_name=TABLE,
            vector_size=vectors.shape[1],
            id_column="langchain_id",
            overwrite_existing=True,
        )
    store = PGVectorStore.create_sync(
        engine=engine,
        embedding_service=NoEmbeddings(),
        table_name=TABLE,
        distance_strategy=DistanceStrategy.COSINE_DISTANCE,
    )
    if options.task == "search":
        print(json.dumps(search(store, vectors, options.queries)))
    else:
        print(json.dumps(add(store, vectors[: options.rows], moved=options.task == "upsert")))
        if options.task == "load":
            store.apply_vector_index(
                HNSWIndex(name="peer_hnsw", distance_strategy=DistanceStrategy.COSINE_DISTANCE)
            )


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
    main()
