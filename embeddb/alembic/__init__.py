"""Alembic sees pgvector's types and indexes, and embeddings: `import embeddb.alembic` in env.py.

From Alembic 1.18 on an entry point does the same, and env.py needs no line.
"""

from __future__ import annotations

from embeddb.alembic import (
    collection_implementation,  # noqa: F401  # registers itself
    collection_operations,  # noqa: F401
    collection_render,  # noqa: F401
    vector_implementation,  # noqa: F401  # registers itself
    vector_operations,  # noqa: F401
    vector_render,  # noqa: F401
)
from embeddb.alembic.plugin import register

__all__ = ["register"]

register()
