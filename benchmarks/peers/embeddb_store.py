"""embeddb: ingest documents with vectors, build the index, search; run in its own venv."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

import numpy as np
from measure import EF_CONSTRUCTION, M, Peer, Search, main, metadata_of, text_of

import embeddb
from embeddb import HNSW, Collection, Document, Hit


class EmbedDB(Peer):
    """float32 vectors under an HNSW index: what the other Postgres peers do."""

    name = "embeddb"
    package = "embeddb"
    notes: ClassVar[list[str]] = [
        "loaded by one ingest() through binary COPY; the index is built CONCURRENTLY",
    ]
    storage = "vector"
    transform: str | None = None
    index = HNSW(m=M, ef_construction=EF_CONSTRUCTION)

    def __init__(self, url: str, dim: int, limit: int) -> None:
        super().__init__(url, dim, limit)
        self.store = embeddb.connect(url)
        self.table = "peer_" + self.storage
        if self.table in [collection.name for collection in self.store.collections()]:
            self.store.drop_collection(self.table)
        self.collection = self.store.create_collection(
            self.table,
            model=None,
            dim=dim,
            storage=self.storage,
            transform=self.transform,
            index=self.index,
        )

    def query(self, vector: np.ndarray) -> np.ndarray:
        return vector

    def records(self, vectors: np.ndarray) -> list[Document]:
        return [
            Document(id=str(row), content=text_of(row), metadata=metadata_of(row), embedding=vector)
            for row, vector in enumerate(vectors)
        ]

    def load(self, records: list[Document]) -> None:
        self.collection.ingest(records, build_index=False)

    def build(self) -> None:
        self.collection.create_index()

    def open(self, ef: int) -> Search:
        # a client of its own, whose searches are compiled for another setting
        record = self.collection.record
        generation = replace(record.generation, index=self.setting(ef))
        client = Collection(
            self.store.database, replace(record, generation=generation), self.no_encoder
        )
        return lambda query: client.search(query, self.limit)

    def setting(self, ef: int) -> HNSW:
        return replace(self.index, ef_search=ef)

    def no_encoder(self, name: str) -> embeddb.protocols.Encoder:
        raise LookupError(f"{name}: a collection of ready vectors loads no model")

    def ids(self, found: list[Hit]) -> list[int]:
        return [int(hit.id) for hit in found]

    def size(self) -> int:
        _, _, tables, indexes = self.store.sizes(self.table)
        return tables + indexes


if __name__ == "__main__":
    main(EmbedDB)
