"""From the spec that a collection keeps to its chunker."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tokenizers import Tokenizer

from embeddb.chunkers.auto import AutoChunker
from embeddb.chunkers.code import CodeChunker
from embeddb.chunkers.located import CuttingChunker
from embeddb.chunkers.markdown import MarkdownChunker
from embeddb.chunkers.text import TextChunker
from embeddb.chunkers.whole import WholeDocument
from embeddb.protocols import Chunker
from embeddb.schema.chunkers import ChunkerSpec

_CUTTING: dict[str, type[CuttingChunker]] = {
    "text": TextChunker,
    "markdown": MarkdownChunker,
    "code": CodeChunker,
}


def make_chunker(
    spec: ChunkerSpec | str | Mapping[str, Any],
    tokenizer: Tokenizer | None = None,
    capacity: int | None = None,
) -> Chunker:
    """Return the chunker that `spec` describes.

    Args:
        spec: a spec, its JSON object, or its kind alone.
        tokenizer: the model's own; None makes a token three bytes of UTF-8.
        capacity: how many tokens of a document the model reads, special tokens and its
            document prompt taken off; None where that is unknown.

    Raises:
        ConfigurationError: the spec is wrong, or asks for more than `capacity`.
    """
    resolved = ChunkerSpec.parse(spec).resolved(capacity)
    if resolved.max_tokens is None:
        return WholeDocument()
    context = resolved.context or "none"
    if resolved.kind == "auto":
        return AutoChunker(
            resolved.max_tokens,
            resolved.overlap,
            tokenizer,
            context=context,
            version=resolved.version,
        )
    return _CUTTING[resolved.kind](
        resolved.max_tokens,
        resolved.overlap or 0,
        tokenizer,
        context=context,
        version=resolved.version,
    )
