"""Compilers of collections that are in no database."""

from __future__ import annotations

from typing import Any

from embeddb.repository.search.compiler import Compiler
from embeddb.schema.distances import Distance
from embeddb.schema.indexes import IndexSpec
from embeddb.schema.storage import Storage
from tests.support.generations import generation, record


def compiler(
    index: IndexSpec | None = None,
    *,
    storage: Storage = Storage.VECTOR,
    distance: Distance = Distance.COSINE,
    dim: int = 3,
    schema: str = "embeddb",
    vector_schema: str = "public",
    **others: Any,  # noqa: ANN401
) -> Compiler:
    """Make the compiler of a collection named `docs`."""
    of = generation(storage, distance, dim, index=index, **others)
    return Compiler(record(of, schema=schema), schema=schema, vector_schema=vector_schema)
