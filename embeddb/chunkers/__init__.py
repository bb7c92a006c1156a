"""Chunkers: one file for each way to cut a document."""

from __future__ import annotations

from embeddb.chunkers.auto import AutoChunker
from embeddb.chunkers.code import CodeChunker
from embeddb.chunkers.context import with_context
from embeddb.chunkers.factory import make_chunker
from embeddb.chunkers.markdown import MarkdownChunker
from embeddb.chunkers.text import TextChunker
from embeddb.chunkers.whole import WholeDocument
from embeddb.schema.chunkers import ChunkerKind, ChunkerSpec

__all__ = [
    "AutoChunker",
    "ChunkerKind",
    "ChunkerSpec",
    "CodeChunker",
    "MarkdownChunker",
    "TextChunker",
    "WholeDocument",
    "make_chunker",
    "with_context",
]
