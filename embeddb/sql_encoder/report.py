"""How near an SQL encoder comes to its model, measured on held-out spans of the texts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from embeddb.records import Vector

LIMITS = (10, 100)


@dataclass(frozen=True, kw_only=True, slots=True)
class SQLEncoderReport:
    """The measurements of a trained SQL encoder.

    A query is a span of 3 to 12 words of a text that was held out of training. It should find that
    text among `corpus` texts of the collection.

    Attributes:
        cosine: between the encoder's vector of a query and the model's, on average.
        model_recall_at_10: how often the model itself finds the text among the first 10.
        recall_at_10: how often the SQL encoder does.
        overlap_at_10: the share of the model's first 10 that are among the SQL encoder's first 10.
        texts: how many texts of the collection it was trained on.
        examples: how many examples in all: texts, spans, words and tokens.
        tokens: how many rows its table has.
        seconds: how long training took.
    """

    cosine: float
    model_recall_at_10: float
    recall_at_10: float
    overlap_at_10: float
    model_recall_at_100: float
    recall_at_100: float
    overlap_at_100: float
    queries: int
    corpus: int
    texts: int
    examples: int
    tokens: int
    seconds: float

    @property
    def relative_recall_at_10(self) -> float | None:
        """Recall of the SQL encoder over the model's own; None where that is 0."""
        return _ratio(self.recall_at_10, self.model_recall_at_10)

    @property
    def relative_recall_at_100(self) -> float | None:
        """Recall of the SQL encoder over the model's own; None where that is 0."""
        return _ratio(self.recall_at_100, self.model_recall_at_100)

    def to_json(self) -> dict[str, Any]:
        """Return the report as it is kept in the catalog."""
        return asdict(self)


def compare(
    made: Vector, queries: Vector, corpus: Vector, relevant: Sequence[Sequence[int]]
) -> dict[str, float]:
    """Search exactly with both vectors of each query, and return how what they find compares.

    Args:
        made: the SQL encoder's, shape (n, dim), of length 1.
        queries: the model's, shape (n, dim), of length 1.
        corpus: what is searched, shape (m, dim), of length 1.
        relevant: for each query, the rows that it should find.
    """
    found: dict[str, float] = {"cosine": float(np.mean(np.sum(made * queries, axis=1)))}
    theirs, ours = (nearest(one, corpus, max(LIMITS)) for one in (queries, made))
    for limit in LIMITS:
        found[f"model_recall_at_{limit}"] = _recall(theirs[:, :limit], relevant)
        found[f"recall_at_{limit}"] = _recall(ours[:, :limit], relevant)
        found[f"overlap_at_{limit}"] = _recall(
            ours[:, :limit], [list(row) for row in theirs[:, :limit]]
        )
    return found


def nearest(queries: Vector, corpus: Vector, limit: int) -> NDArray[np.int64]:
    """Return the rows nearest to each query by inner product, nearest first: shape (n, limit)."""
    limit = min(limit, len(corpus))
    parts = []
    for start in range(0, len(queries), 256):
        similar = queries[start : start + 256] @ corpus.T
        rows = np.argpartition(-similar, limit - 1, axis=1)[:, :limit]
        order = np.argsort(-np.take_along_axis(similar, rows, axis=1), axis=1)
        parts.append(np.take_along_axis(rows, order, axis=1))
    return np.concatenate(parts).astype(np.int64)


def _recall(rows: NDArray[np.int64], relevant: Sequence[Sequence[int]]) -> float:
    shares = [
        len(set(row.tolist()) & set(wanted)) / len(wanted)
        for row, wanted in zip(rows, relevant, strict=True)
    ]
    return float(np.mean(shares))


def _ratio(part: float, whole: float) -> float | None:
    return part / whole if whole else None
