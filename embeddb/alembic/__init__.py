"""Alembic sees pgvector's types and indexes, and embeddings: `import embeddb.alembic` in env.py.

From Alembic 1.18 on an entry point does the same, and env.py needs no line.
"""

from __future__ import annotations

from embeddb.alembic import collections, vector_indexes  # noqa: F401  # register themselves
from embeddb.alembic.plugin import register

__all__ = ["register"]

register()
