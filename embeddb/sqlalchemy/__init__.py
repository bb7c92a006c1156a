"""Embeddings of SQLAlchemy models: declared in one line, searched in a `select()`."""

from __future__ import annotations

from embeddb.sqlalchemy import rewriting  # noqa: F401  # listens to what is executed
from embeddb.sqlalchemy.embedding import Embedding, declare

__all__ = ["Embedding", "declare"]
