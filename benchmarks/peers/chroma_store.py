"""chromadb, in the process and on disk: add records, query by vector."""

from __future__ import annotations

from typing import Any, ClassVar

import chromadb
import numpy as np
from chromadb.api import ClientAPI
from chromadb.config import Settings
from measure import EF_CONSTRUCTION, FolderPeer, M, Search, main, metadata_of, text_of

NAME = "peer"

Batch = dict[str, Any]


class Chroma(FolderPeer):
    name = "chromadb"
    package = "chromadb"
    index_while_loading = True
    notes: ClassVar[list[str]] = [
        "loaded by add() of get_max_batch_size() records a call, which builds the index too",
        "ef_search is a setting of the collection, not of a search; modify() changes it, and a "
        "client that has searched goes on with the old one until it is closed and opened again",
    ]

    def __init__(self, url: str, dim: int, limit: int) -> None:
        super().__init__(url, dim, limit)
        self.client = self._client()
        hnsw = {"space": "cosine", "max_neighbors": M, "ef_construction": EF_CONSTRUCTION}
        self.collection = self.client.create_collection(
            NAME, embedding_function=None, configuration={"hnsw": hnsw}
        )
        self.settings["batch"] = self.batch = self.client.get_max_batch_size()
        self.ef = 0

    def _client(self) -> ClientAPI:
        return chromadb.PersistentClient(
            str(self.folder), settings=Settings(anonymized_telemetry=False)
        )

    def records(self, vectors: np.ndarray) -> list[Batch]:
        return [
            {
                "ids": [str(row) for row in rows],
                "embeddings": vectors[rows.start : rows.stop],
                "documents": [text_of(row) for row in rows],
                "metadatas": [metadata_of(row) for row in rows],
            }
            for start in range(0, len(vectors), self.batch)
            for rows in [range(start, min(start + self.batch, len(vectors)))]
        ]

    def load(self, records: list[Batch]) -> None:
        for batch in records:
            self.collection.add(**batch)

    def query(self, vector: np.ndarray) -> list[np.ndarray]:
        return [vector]

    def open(self, ef: int) -> Search:
        if ef != self.ef:
            self.collection.modify(configuration={"hnsw": {"ef_search": ef}})
            self.client.close()
            self.client = self._client()
            self.collection = self.client.get_collection(NAME, embedding_function=None)
            self.ef = ef
        return lambda query: self.collection.query(
            query_embeddings=query,
            n_results=self.limit,
            include=["documents", "metadatas", "distances"],
        )

    def ids(self, found: dict[str, Any]) -> list[int]:
        return [int(name) for name in found["ids"][0]]


if __name__ == "__main__":
    main(Chroma)
