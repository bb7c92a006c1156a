"""pgvector-haystack: write documents, build its HNSW index, retrieve by vector."""

from __future__ import annotations

import os
from typing import Any, ClassVar

import numpy as np

os.environ["HAYSTACK_TELEMETRY_ENABLED"] = "False"

from haystack.dataclasses import Document
from haystack.utils import Secret
from haystack_integrations.components.retrievers.pgvector import PgvectorEmbeddingRetriever
from haystack_integrations.document_stores.pgvector import PgvectorDocumentStore
from measure import EF_CONSTRUCTION, M, Search, batches, main, metadata_of, text_of
from postgres import PostgresPeer

NAME = "peer_haystack"
BATCH = 1000


class Haystack(PostgresPeer):
    name = "pgvector-haystack"
    package = "pgvector-haystack"
    table = f"public.{NAME}"
    notes: ClassVar[list[str]] = [
        f"loaded by write_documents() of {BATCH} documents a call",
        "the index is built after loading, by opening the store again with search_strategy hnsw; "
        "a store opened with it from the start builds it row by row",
        "ef_search is set once for a store's connection, not for one search",
        "every search fetches the vectors too: there is no way to leave them out",
        "a store has one connection and is not thread-safe: each client opens its own",
        "the store always builds a full-text index too, counted in bytes and in loading",
    ]

    def __init__(self, url: str, dim: int, limit: int) -> None:
        super().__init__(url, dim, limit)
        self.settings["batch"] = BATCH
        self.store = self._store(search_strategy="exact_nearest_neighbor")
        self.store.count_documents()  # the first call of any kind makes the table

    def _store(self, **how: Any) -> PgvectorDocumentStore:  # noqa: ANN401
        return PgvectorDocumentStore(
            connection_string=Secret.from_token(self.url),
            table_name=NAME,
            embedding_dimension=self.dim,
            vector_function="cosine_similarity",
            hnsw_index_creation_kwargs={"m": M, "ef_construction": EF_CONSTRUCTION},
            hnsw_index_name="peer_haystack_hnsw",
            keyword_index_name="peer_haystack_keyword",
            **how,
        )

    def records(self, vectors: np.ndarray) -> list[Document]:
        return [
            Document(
                id=str(row), content=text_of(row), meta=metadata_of(row), embedding=vector.tolist()
            )
            for row, vector in enumerate(vectors)
        ]

    def load(self, records: list[Document]) -> None:
        for batch in batches(records, BATCH):
            self.store.write_documents(list(batch))

    def build(self) -> None:
        self.store.close()
        self.store = self._store(search_strategy="hnsw")
        self.store.count_documents()  # the first call of any kind makes the index

    def open(self, ef: int) -> Search:
        store = self._store(search_strategy="hnsw", hnsw_ef_search=ef)
        retriever = PgvectorEmbeddingRetriever(document_store=store, top_k=self.limit)
        return lambda query: retriever.run(query_embedding=query)

    def ids(self, found: dict[str, list[Document]]) -> list[int]:
        return [int(document.id) for document in found["documents"]]


if __name__ == "__main__":
    main(Haystack)
