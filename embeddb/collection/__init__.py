"""A collection: documents in, hits out."""

from __future__ import annotations

from embeddb.collection.documents import SourceLike, Writing
from embeddb.collection.indexes import Indexing
from embeddb.collection.search import Reading

__all__ = ["Collection", "SourceLike"]


class Collection(Writing, Reading, Indexing):
    """Documents, their chunks and their vectors; made by `Store`, not by hand."""
