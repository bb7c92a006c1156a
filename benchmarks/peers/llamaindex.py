"""llama-index-vector-stores-postgres: load nodes, build its HNSW index, query by vector."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from llama_index.core.schema import TextNode
from llama_index.core.vector_stores.types import VectorStoreQuery, VectorStoreQueryResult
from llama_index.vector_stores.postgres import PGVectorStore
from measure import CLIENTS, EF_CONSTRUCTION, M, Search, batches, main, metadata_of, text_of
from postgres import PostgresPeer

NAME = "peer_llamaindex"
BATCH = 1000


class LlamaIndex(PostgresPeer):
    name = "llama-index-vector-stores-postgres"
    package = "llama-index-vector-stores-postgres"
    table = f"public.data_{NAME}"
    notes: ClassVar[list[str]] = [
        f"loaded by add() of {BATCH} nodes a call",
        "the index is built after loading, by opening the store again with hnsw_kwargs; "
        "a store opened with them from the start builds it row by row",
        "ef_search is a keyword of each query",
    ]

    def __init__(self, url: str, dim: int, limit: int) -> None:
        super().__init__(url, dim, limit)
        self.settings["batch"] = BATCH
        self.store = self._store(None)
        self.store.add([])  # the first call of any kind makes the table

    def _store(self, hnsw: dict[str, Any] | None) -> PGVectorStore:
        return PGVectorStore.from_params(
            connection_string=self.with_driver("psycopg2"),
            async_connection_string=self.with_driver("asyncpg"),
            table_name=NAME,
            embed_dim=self.dim,
            use_jsonb=True,
            hnsw_kwargs=hnsw,
            create_engine_kwargs={"pool_size": CLIENTS},
        )

    def records(self, vectors: np.ndarray) -> list[TextNode]:
        return [
            TextNode(
                id_=str(row),
                text=text_of(row),
                metadata=metadata_of(row),
                embedding=vector.tolist(),
            )
            for row, vector in enumerate(vectors)
        ]

    def load(self, records: list[TextNode]) -> None:
        for batch in batches(records, BATCH):
            self.store.add(list(batch))

    def build(self) -> None:
        self.store = self._store(
            {
                "hnsw_m": M,
                "hnsw_ef_construction": EF_CONSTRUCTION,
                "hnsw_ef_search": 40,
                "hnsw_dist_method": "vector_cosine_ops",
            }
        )
        self.store.add([])  # the first call of any kind makes the index

    def open(self, ef: int) -> Search:
        def search(query: list[float]) -> VectorStoreQueryResult:
            wish = VectorStoreQuery(query_embedding=query, similarity_top_k=self.limit)
            return self.store.query(wish, hnsw_ef_search=ef)

        return search

    def ids(self, found: VectorStoreQueryResult) -> list[int]:
        return [int(node.node_id) for node in found.nodes or []]


if __name__ == "__main__":
    main(LlamaIndex)
