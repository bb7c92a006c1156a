"""The exact answers that forms are measured against, computed from the stored vectors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from embeddb.evaluation.recall import TIE_TOLERANCE, Question
from embeddb.records import Hit, Vector
from embeddb.repository.collections.generations import ChunkKey
from embeddb.schema.distances import Distance

Distances = NDArray[np.float64]

TIES_KEPT = 50
"""Rows kept beyond those wanted: so many may be exactly as near as the last one wanted."""


class Answer(NamedTuple):
    """The chunks that a question should find.

    Attributes:
        nearest: the nearest chunks, and those that are just as near as the last of them.
        wanted: how many of them make the answer complete.
    """

    nearest: frozenset[ChunkKey]
    wanted: int

    def recall(self, hits: Sequence[Hit]) -> float:
        """Return the share of the answer that was found."""
        if not self.wanted:
            return 1.0
        found = {(hit.id, hit.chunk_no) for hit in hits} & self.nearest
        return min(1.0, len(found) / self.wanted)


class ExactAnswers:
    """Finds the nearest rows to each question, from rows that come in blocks.

    Args:
        questions: with vectors in the form in which stored ones are compared.
        limit: how many rows an answer has.
        distance: the collection's.
    """

    def __init__(self, questions: Sequence[Question], limit: int, distance: Distance) -> None:
        self._questions = questions
        self._limit = limit
        self._distance = distance
        self._queries = np.stack([question.vector for question in questions]).astype(np.float64)
        self._keys: list[ChunkKey] = []
        self._distances: Distances = np.empty((len(questions), 0))
        self._places: NDArray[np.int64] = np.empty((len(questions), 0), dtype=np.int64)

    @property
    def rows(self) -> int:
        """The number of rows so far."""
        return len(self._keys)

    def add(self, keys: Sequence[ChunkKey], vectors: Vector) -> None:
        """Take more rows, their vectors of shape (n, dim)."""
        found = distances(self._distance, self._queries, vectors.astype(np.float64))
        for number, question in enumerate(self._questions):
            if question.without is not None:
                own = [place for place, (id, _) in enumerate(keys) if id == question.without]
                found[number, own] = np.inf
        places = np.arange(len(self._keys), len(self._keys) + len(keys))
        self._keys += keys
        self._distances = np.concatenate([self._distances, found], axis=1)
        self._places = np.concatenate([self._places, np.broadcast_to(places, found.shape)], axis=1)
        kept = self._limit + TIES_KEPT
        if self._distances.shape[1] > kept:
            nearest = np.argpartition(self._distances, kept, axis=1)[:, :kept]
            self._distances = np.take_along_axis(self._distances, nearest, axis=1)
            self._places = np.take_along_axis(self._places, nearest, axis=1)

    def answers(self) -> list[Answer]:
        """Return the answer to each question."""
        return [
            self._answer(row, places)
            for row, places in zip(self._distances, self._places, strict=True)
        ]

    def _answer(self, found: Distances, places: NDArray[np.int64]) -> Answer:
        ordered = np.sort(found[np.isfinite(found)])
        wanted = min(self._limit, len(ordered))
        if not wanted:
            return Answer(frozenset(), 0)
        last = ordered[wanted - 1]
        farthest = last + TIE_TOLERANCE * max(1.0, abs(last))
        near = places[found <= farthest]
        return Answer(frozenset(self._keys[place] for place in near), wanted)


def distances(distance: Distance, queries: Distances, rows: Distances) -> Distances:
    """Return pgvector's distances between rows of (n, dim) and (m, dim): shape (n, m)."""
    match distance:
        case Distance.COSINE:
            return np.asarray(1 - _directions(queries) @ _directions(rows).T)
        case Distance.INNER_PRODUCT:
            return np.asarray(-(queries @ rows.T))
        case Distance.L1:
            return np.stack([np.abs(rows - query).sum(axis=1) for query in queries])
        case _:
            squares = (queries**2).sum(axis=1)[:, np.newaxis] + (rows**2).sum(axis=1)
            return np.asarray(np.sqrt(np.maximum(squares - 2 * queries @ rows.T, 0)))


def _directions(vectors: Distances) -> Distances:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.where(lengths == 0, 1, lengths))
