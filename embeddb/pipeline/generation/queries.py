"""Queries to the model's own vectors: one that is longer than the model reads, by its windows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from tokenizers import Tokenizer

from embeddb.chunkers import ChunkerSpec, make_chunker
from embeddb.chunkers.rulers import TokenCounter
from embeddb.encoders import Isolated, isolate
from embeddb.encoders.checks import unit_length
from embeddb.errors import EncodingError
from embeddb.protocols import Encoder, Tokenized
from embeddb.records import Input, Vector

MOST_WINDOWS = 64
"""Windows of one query: 16,000 tokens for a model that reads 256."""


def encode_queries(encoder: Encoder, queries: Sequence[Input]) -> Isolated:
    """Return the vectors of queries by the model, and the errors of those that have none.

    A text that is longer than the model reads is cut into windows that it does read; its vector is
    their mean by length in tokens, of length 1 where the model's vectors are.

    Raises:
        ModelError: the model cannot be used, so that no query is at fault.
    """
    plain = encoder.info.max_tokens is None
    splitter = None if plain else _Splitter(encoder)
    windows: list[Input] = []
    spans: list[range] = []
    weights: list[int] = []
    refused: dict[int, EncodingError] = {}
    for number, query in enumerate(queries):
        start = len(windows)
        try:
            parts = splitter.windows(query) if splitter and isinstance(query, str) else []
        except EncodingError as error:
            refused[number] = error
            spans.append(range(start, start))
            continue
        windows += [text for text, _ in parts] or [query]
        weights += [tokens for _, tokens in parts] or [1]
        spans.append(range(start, len(windows)))
    found = isolate(encoder, windows, "query", probe=False)
    return _joined(encoder, found, spans, np.asarray(weights), refused)


def _joined(
    encoder: Encoder,
    found: Isolated,
    spans: list[range],
    weights: Vector,
    refused: dict[int, EncodingError],
) -> Isolated:
    """Return one vector for each span of windows: their weighted mean."""
    vectors = np.full((len(spans), encoder.info.dim), np.nan, dtype=np.float32)
    errors = dict(refused)
    for number, span in enumerate(spans):
        failed = next((found.errors[row] for row in span if row in found.errors), None)
        if failed is not None:
            errors[number] = failed
        elif len(span) == 1:
            vectors[number] = found.vectors[span.start]
        elif span:
            rows = slice(span.start, span.stop)
            mean = np.average(found.vectors[rows], axis=0, weights=weights[rows])[np.newaxis]
            vectors[number] = (unit_length(mean) if encoder.info.normalized else mean)[0]
    return Isolated(vectors=vectors, errors=errors)


class _Splitter:
    """Cuts queries into windows of what a model reads beside its query prompt."""

    def __init__(self, encoder: Encoder) -> None:
        tokenizer = encoder.tokenizer() if isinstance(encoder, Tokenized) else None
        self._name = encoder.info.name
        self._most = max(1, (encoder.info.max_tokens or 0) - _prompt_tokens(encoder, tokenizer))
        self._counter = TokenCounter(tokenizer)
        spec = ChunkerSpec(kind="text", max_tokens=self._most, overlap=0)
        self._chunker = make_chunker(spec, tokenizer, self._most)

    def windows(self, text: str) -> list[tuple[str, int]]:
        """Return the windows of a text with their tokens; none where the model reads all of it.

        Raises:
            EncodingError: the text is longer than MOST_WINDOWS windows.
        """
        # A token is a byte at least, so a short text needs no count.
        if len(text.encode("utf-8", "replace")) <= self._most:
            return []
        (tokens,) = self._counter.counts([text])
        if tokens <= self._most:
            return []
        if tokens > MOST_WINDOWS * self._most:
            raise EncodingError(
                f"The query has {tokens:,} tokens; {self._name} reads {self._most} at once, and a "
                f"query of at most {MOST_WINDOWS * self._most:,} in parts: search by a part of it."
            )
        contents = [chunk.content for chunk in self._chunker.chunks(text)]
        return list(zip(contents, self._counter.counts(contents), strict=True))


def _prompt_tokens(encoder: Encoder, tokenizer: Tokenizer | None) -> int:
    """Return the tokens that special tokens and the query prompt take."""
    prompt = encoder.info.query_prompt
    if tokenizer is None:
        return len(prompt.encode())
    return len(tokenizer.encode(prompt, add_special_tokens=True))
