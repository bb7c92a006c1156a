"""What the benchmarks of searches share: exact answers, recall, times, and forms to compare."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from embeddb import Collection, Store
from embeddb.pipeline.generation.form import StoredForm
from embeddb.records import Document, Hit, Vector
from embeddb.repository.search.searcher import Searcher, make_request
from embeddb.schema.indexes import HNSW, IVFPQ, IndexSpec, IVFFlat

LIMIT = 10
WARM_UP = 30
TIE_TOLERANCE = 1e-6

LADDER = (40, 50, 60, 80, 100, 150, 200)
"""ef_search, the candidates that are rescored, or the probes of IVF-PQ: raised until the recall is
there."""


class Measured(NamedTuple):
    """Recall, and the time of one search."""

    recall: float
    p50_ms: float
    p95_ms: float


@dataclass(frozen=True, kw_only=True)
class Truth:
    """The exact answers: the similarity of the last of the ten, and their row numbers."""

    queries: Vector
    similarities: Vector
    rows: NDArray[np.int64]

    @classmethod
    def of(cls, base: Vector, queries: Vector, allowed: NDArray[np.bool_] | None = None) -> Truth:
        """Compare every row with every query by cosine; `allowed` (n,) says which rows count."""
        similarities = queries @ base.T
        if allowed is not None:
            similarities[:, ~allowed] = -np.inf
        rows = np.argsort(-similarities, axis=1)[:, :LIMIT]
        return cls(
            queries=queries,
            similarities=np.take_along_axis(similarities, rows, axis=1),
            rows=rows.astype(np.int64),
        )

    def recall(self, number: int, hits: Sequence[Hit], base: Vector) -> float:
        """Return the share of the exact answer that was found; ties count as found."""
        reachable = int(np.isfinite(self.similarities[number]).sum())
        if not reachable:
            return 1.0
        last = self.similarities[number][reachable - 1] - TIE_TOLERANCE
        found = [int(hit.id) for hit in hits]
        near = int((base[found] @ self.queries[number] >= last).sum())
        return min(1.0, near / reachable)


def documents(vectors: Vector, metadata: Callable[[int], dict[str, Any]]) -> Iterator[Document]:
    """Return a document for each vector, without a text; its id is its row number."""
    for row, vector in enumerate(vectors):
        yield Document(id=str(row), metadata=metadata(row), embedding=vector)


def with_candidates(index: IndexSpec | None, candidates: int) -> IndexSpec | None:
    """Return the index with so many candidates in a search for LIMIT rows."""
    match index:
        case HNSW() if index.on is None:
            return replace(index, ef_search=candidates)
        case HNSW():
            return replace(index, ef_search=2 * candidates, oversample=candidates / LIMIT)
        case IVFFlat():
            return replace(index, probes=min(index.lists or 1, candidates // 4))
        case IVFPQ():
            return replace(index, probes=min(index.lists or 1, candidates))
    return None


def searcher_with(store: Store, collection: Collection, index: IndexSpec | None) -> Searcher:
    """Return a searcher of the same table and index, with other settings."""
    record = collection.record
    generation = replace(record.generation, index=index)
    return Searcher(store.database, replace(record, generation=generation))


def measure(
    store: Store,
    collection: Collection,
    truth: Truth,
    base: Vector,
    *,
    index: IndexSpec | None = None,
    exact: bool = False,
    filter: dict[str, Any] | None = None,
) -> Measured:
    """Search once for every query on one connection; time each from call to hits."""
    generation = collection.record.generation
    searcher = searcher_with(store, collection, index or generation.index)
    form = StoredForm(store.database, generation)
    queries = [form.query(query) for query in truth.queries]
    asked = make_request(LIMIT, filter=filter, exact=exact)
    times, recalls = [], []
    with store.database.connection() as connection:
        for query in queries[: min(WARM_UP, len(queries))]:
            searcher.search_on(connection, query, *asked)
        for number, query in enumerate(queries):
            started = time.perf_counter()
            hits = searcher.search_on(connection, query, *asked)
            times.append((time.perf_counter() - started) * 1000)
            recalls.append(truth.recall(number, hits, base))
    p50, p95 = np.percentile(times, [50, 95])
    return Measured(float(np.mean(recalls)), float(p50), float(p95))
