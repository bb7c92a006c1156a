"""hnswlib, in memory: add vectors to its index, query it; no texts, no metadata."""

from __future__ import annotations

from typing import ClassVar

import hnswlib
import numpy as np
from measure import EF_CONSTRUCTION, FolderPeer, M, Search, main, metadata_of, text_of


class Hnswlib(FolderPeer):
    name = "hnswlib"
    package = "hnswlib"
    index_while_loading = True
    notes: ClassVar[list[str]] = [
        "in memory: loading is add_items(), which builds the index, on all cores",
        "bytes are those of the file that save_index() writes: vectors and graph, no texts",
        "keeps numbers and vectors alone: text and metadata come from two lists beside it",
        "ef is a setting of the index, not of a search",
    ]

    def __init__(self, url: str, dim: int, limit: int) -> None:
        super().__init__(url, dim, limit)
        self.index = hnswlib.Index(space="cosine", dim=dim)

    def records(self, vectors: np.ndarray) -> np.ndarray:
        self.texts = [text_of(row) for row in range(len(vectors))]
        self.metadata = [metadata_of(row) for row in range(len(vectors))]
        return vectors

    def load(self, records: np.ndarray) -> None:
        self.index.init_index(max_elements=len(records), M=M, ef_construction=EF_CONSTRUCTION)
        self.index.add_items(records, np.arange(len(records)))

    def settle(self) -> None:
        self.index.save_index(str(self.folder / "index.bin"))

    def query(self, vector: np.ndarray) -> np.ndarray:
        return vector

    def open(self, ef: int) -> Search:
        self.index.set_ef(ef)

        def search(query: np.ndarray) -> list[tuple[int, float, str, dict[str, int]]]:
            labels, distances = self.index.knn_query(query, k=self.limit)
            return [
                (row, distance, self.texts[row], self.metadata[row])
                for row, distance in zip(labels[0].tolist(), distances[0].tolist(), strict=True)
            ]

        return search

    def ids(self, found: list[tuple[int, float, str, dict[str, int]]]) -> list[int]:
        return [hit[0] for hit in found]


if __name__ == "__main__":
    main(Hnswlib)
