"""What the compression advisor might have measured."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from embeddb.evaluation.compression.advice import Advice, Measured, Skipped
from embeddb.evaluation.compression.candidates import Candidate
from embeddb.schema.indexes import HNSW


def measured(storage: str, size: float, recall: float, **changes: Any) -> Measured:  # noqa: ANN401
    """Return a form of this size and recall, which reaches 0.9 or does not."""
    made = Measured(
        candidate=Candidate(storage=storage, index=HNSW()),
        index=HNSW(ef_search=80),
        settings={"ef_search": 80},
        rows=100,
        table_bytes=int(size * 60),
        index_bytes=int(size * 40),
        bytes_per_vector=size,
        estimated_bytes=int(size * 1000),
        build_seconds=1.5,
        recall=recall,
        p50_ms=2.5,
        p95_ms=4.0,
        reaches=recall >= 0.9,
    )
    return replace(made, **changes)


def advice_on(*forms: Measured, skipped: tuple[Skipped, ...] = ()) -> Advice:
    """Return advice on these forms, for a recall of 0.9."""
    return Advice.of(
        forms,
        skipped,
        collection="docs",
        distance="cosine",
        target=0.9,
        limit=10,
        rows=100,
        total_rows=1000,
        queries=50,
        held_out=True,
    )
