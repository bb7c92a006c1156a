"""embeddb with one byte a dimension and an index on thermometer codes; run in its own venv."""

from __future__ import annotations

from dataclasses import replace

from embeddb_store import EmbedDB
from measure import EF_CONSTRUCTION, main

from embeddb import HNSW


class Small(EmbedDB):
    """int8 under an HNSW index on bits, rescored: the same rows in a third of the space."""

    name = "embeddb int8"
    storage = "int8"
    transform = "rotation"
    index = HNSW(m=12, ef_construction=EF_CONSTRUCTION, on="bit3")

    def setting(self, ef: int) -> HNSW:
        return replace(self.index, ef_search=ef, oversample=max(1.0, ef * 0.04))


if __name__ == "__main__":
    main(Small)
