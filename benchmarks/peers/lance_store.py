"""lancedb, in the process and on disk: add a table of rows, build its HNSW index, search."""

from __future__ import annotations

from typing import Any, ClassVar

import lancedb
import numpy as np
import pyarrow as pa
from lancedb.index import HnswFlat
from measure import EF_CONSTRUCTION, FolderPeer, M, Search, main, text_of


class Lance(FolderPeer):
    name = "lancedb"
    package = "lancedb"
    notes: ClassVar[list[str]] = [
        "loaded by one create_table() of an Arrow table",
        "the index is HnswFlat, the one that keeps whole vectors, in one partition",
        "ef is a setting of each search",
        "metadata is a struct column: its fields are fixed by the schema",
    ]

    def __init__(self, url: str, dim: int, limit: int) -> None:
        super().__init__(url, dim, limit)
        self.database = lancedb.connect(self.folder)
        self.settings["num_partitions"] = 1

    def records(self, vectors: np.ndarray) -> pa.Table:
        rows = range(len(vectors))
        return pa.table(
            {
                "id": pa.array(rows, pa.int64()),
                "text": [text_of(row) for row in rows],
                "metadata": pa.StructArray.from_arrays([pa.array(rows, pa.int64())], ["n"]),
                "vector": pa.FixedSizeListArray.from_arrays(vectors.reshape(-1), self.dim),
            }
        )

    def load(self, records: pa.Table) -> None:
        self.table = self.database.create_table("peer", records)

    def build(self) -> None:
        how = HnswFlat(
            distance_type="cosine", num_partitions=1, m=M, ef_construction=EF_CONSTRUCTION
        )
        self.table.create_index("vector", config=how)

    def query(self, vector: np.ndarray) -> np.ndarray:
        return vector

    def open(self, ef: int) -> Search:
        def search(query: np.ndarray) -> list[dict[str, Any]]:
            wish = self.table.search(query).distance_type("cosine").ef(ef).limit(self.limit)
            return wish.select(["id", "text", "metadata", "_distance"]).to_list()

        return search

    def ids(self, found: list[dict[str, Any]]) -> list[int]:
        return [row["id"] for row in found]


if __name__ == "__main__":
    main(Lance)
