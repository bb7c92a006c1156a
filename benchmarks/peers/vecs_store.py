"""vecs: upsert records, build its HNSW index, query by vector."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import vecs
from measure import EF_CONSTRUCTION, M, Search, main, metadata_of, text_of
from postgres import PostgresPeer
from vecs import IndexArgsHNSW, IndexMeasure, IndexMethod

NAME = "peer_vecs"

Record = tuple[str, np.ndarray, dict[str, Any]]


class Vecs(PostgresPeer):
    name = "vecs"
    package = "vecs"
    table = f"vecs.{NAME}"
    notes: ClassVar[list[str]] = [
        "loaded by one upsert(), which sends 500 rows a statement; the size is fixed",
        "no text column: the text is in the metadata",
        "ef_search is a keyword of each query; every query sends three statements and a commit",
        "a client's pool keeps 5 connections and cannot be made larger: each thread opens its own",
    ]

    def __init__(self, url: str, dim: int, limit: int) -> None:
        super().__init__(url, dim, limit)
        self.settings["batch"] = 500
        self.collection = self._collection()

    def _collection(self) -> vecs.Collection:
        client = vecs.create_client(self.with_driver("psycopg2"))
        return client.get_or_create_collection(NAME, dimension=self.dim)

    def records(self, vectors: np.ndarray) -> list[Record]:
        return [
            (str(row), vector, {**metadata_of(row), "text": text_of(row)})
            for row, vector in enumerate(vectors)
        ]

    def load(self, records: list[Record]) -> None:
        self.collection.upsert(records)

    def build(self) -> None:
        self.collection.create_index(
            measure=IndexMeasure.cosine_distance,
            method=IndexMethod.hnsw,
            index_arguments=IndexArgsHNSW(m=M, ef_construction=EF_CONSTRUCTION),
        )

    def open(self, ef: int) -> Search:
        collection = self._collection()
        return lambda query: collection.query(
            query,
            limit=self.limit,
            measure=IndexMeasure.cosine_distance,
            include_value=True,
            include_metadata=True,
            ef_search=ef,
        )

    def ids(self, found: list[tuple[str, float, dict[str, Any]]]) -> list[int]:
        return [int(record[0]) for record in found]


if __name__ == "__main__":
    main(Vecs)
