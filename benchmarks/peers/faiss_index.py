"""faiss-cpu (IndexHNSWFlat), in memory: add vectors to it, search it; no texts, no metadata."""

from __future__ import annotations

from typing import ClassVar

import faiss
import numpy as np
from measure import EF_CONSTRUCTION, FolderPeer, M, Search, main, metadata_of, text_of


class Faiss(FolderPeer):
    name = "faiss-cpu"
    package = "faiss-cpu"
    index_while_loading = True
    notes: ClassVar[list[str]] = [
        "in memory: loading is add(), which builds the index, on all cores",
        "bytes are those of the file that write_index() writes: vectors and graph, no texts",
        "keeps vectors alone, in order: text and metadata come from two lists beside it",
        "no cosine: inner product of vectors that are of unit length already",
        "efSearch is a parameter of each search",
    ]

    def __init__(self, url: str, dim: int, limit: int) -> None:
        super().__init__(url, dim, limit)
        self.index = faiss.IndexHNSWFlat(dim, M, faiss.METRIC_INNER_PRODUCT)
        self.index.hnsw.efConstruction = EF_CONSTRUCTION

    def records(self, vectors: np.ndarray) -> np.ndarray:
        self.texts = [text_of(row) for row in range(len(vectors))]
        self.metadata = [metadata_of(row) for row in range(len(vectors))]
        return vectors

    def load(self, records: np.ndarray) -> None:
        self.index.add(records)

    def settle(self) -> None:
        faiss.write_index(self.index, str(self.folder / "index.faiss"))

    def query(self, vector: np.ndarray) -> np.ndarray:
        return vector[np.newaxis]

    def open(self, ef: int) -> Search:
        how = faiss.SearchParametersHNSW(efSearch=ef)

        def search(query: np.ndarray) -> list[tuple[int, float, str, dict[str, int]]]:
            scores, rows = self.index.search(query, self.limit, params=how)
            return [
                (row, score, self.texts[row], self.metadata[row])
                for row, score in zip(rows[0].tolist(), scores[0].tolist(), strict=True)
            ]

        return search

    def ids(self, found: list[tuple[int, float, str, dict[str, int]]]) -> list[int]:
        return [hit[0] for hit in found]


if __name__ == "__main__":
    main(Faiss)
