"""A collection: documents in, hits out."""

from __future__ import annotations

from embeddb.collection.documents import DocumentMethods, SourceLike
from embeddb.collection.indexes import IndexMethods
from embeddb.collection.reconciliation import ReconciliationMethods
from embeddb.collection.search import SearchMethods
from embeddb.collection.storage import StorageMethods

__all__ = ["Collection", "SourceLike"]


class Collection(
    DocumentMethods, SearchMethods, IndexMethods, StorageMethods, ReconciliationMethods
):
    """Documents, their chunks and their vectors; `Store` makes it."""
