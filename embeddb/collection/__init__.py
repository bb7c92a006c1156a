"""A collection: documents in, hits out."""

from __future__ import annotations

from embeddb.collection.indexing import Indexing
from embeddb.collection.reading import Reading
from embeddb.collection.writing import SourceLike, Writing

__all__ = ["Collection", "SourceLike"]


class Collection(Writing, Reading, Indexing):
    """Documents, their chunks and their vectors; made by `Store`, not by hand."""
