"""Vectors for tests, and what numpy says about their distances."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from embeddb.records import Vector

CLUSTER_SPREAD = 0.35


def clustered(rows: int, dim: int = 64, *, clusters: int = 50, seed: int = 0) -> Vector:
    """Draw vectors around random centres, as embeddings lie around topics."""
    random = np.random.default_rng(seed)
    centres = random.standard_normal((clusters, dim), dtype=np.float32)
    spread = random.standard_normal((rows, dim), dtype=np.float32) * np.float32(CLUSTER_SPREAD)
    return centres[random.integers(clusters, size=rows)] + spread


def as_documents(vectors: Vector) -> list[dict[str, object]]:
    """Return each vector an id, `v0` onwards, and metadata that filters can ask about."""
    return [
        {
            "id": f"v{number}",
            "content": f"text {number}",
            "embedding": vector,
            "metadata": {"number": number, "even": number % 2 == 0, "tenth": number % 10},
        }
        for number, vector in enumerate(vectors)
    ]


def distances(kind: str, query: Vector, vectors: Vector) -> NDArray[np.float64]:
    """Compute pgvector's distances in float64, shape (n,)."""
    a, b = vectors.astype(np.float64), query.astype(np.float64)
    match kind:
        case "cosine":
            lengths = np.linalg.norm(a, axis=1) * np.linalg.norm(b)
            return np.asarray(1 - a @ b / lengths)
        case "l2":
            return np.asarray(np.linalg.norm(a - b, axis=1))
        case "inner_product":
            return np.asarray(-(a @ b))
        case "l1":
            return np.asarray(np.abs(a - b).sum(axis=1))
    raise AssertionError(kind)


def score(kind: str, distance: float) -> float:
    """Turn a distance into the documented score."""
    if kind == "cosine":
        return 1 - distance
    return -distance if kind == "inner_product" else 1 / (1 + distance)
