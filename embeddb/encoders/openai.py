"""Encode through any endpoint that speaks OpenAI's embeddings API."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from embeddb.encoders.checks import check_vectors
from embeddb.encoders.fingerprint import digest
from embeddb.encoders.openai_client import OpenAIClient, TooLargeError
from embeddb.encoders.settings import OPENAI_BASE_URL
from embeddb.errors import ConfigurationError, EncodingError, ModelUnavailableError
from embeddb.records import ModelInfo, Role, Vector

MAX_TEXTS = 2048
"""OpenAI's limit on the texts of one request."""

MAX_TOKENS = 280_000
"""Estimated tokens of one request; OpenAI's limit is 300,000."""

_BYTES_PER_TOKEN = 3
"""A low estimate: English has 4 to 5 bytes a token, Chinese and code about 3."""

_DIMS = {
    "text-embedding-3-small": 1536,
    "text-embedding-3-large": 3072,
    "text-embedding-ada-002": 1536,
}
_OPENAI_MAX_TOKENS = 8191
_SHORTENED = "text-embedding-3-"
"""Models of this name are trained to be cut to fewer dimensions by the endpoint itself."""


class OpenAIEncoder:
    """A model behind an OpenAI-compatible endpoint, by its name there."""

    def __init__(
        self,
        model: str,
        *,
        dim: int | None = None,
        base_url: str = OPENAI_BASE_URL,
        api_key: str | None = None,
        attempts: int = 6,
        backoff_seconds: float = 0.5,
        max_wait_seconds: float = 60.0,
        timeout_seconds: float = 60.0,
    ) -> None:
        """Take a model by its name; nothing is sent yet.

        Args:
            model: its name at the endpoint.
            dim: asked of `text-embedding-3-*`, checked of others; None takes the known one of
                OpenAI's models and asks others once.
            base_url: up to and without `/embeddings`.
            api_key: sent as a bearer token; never shown.
            attempts: how often a request is sent before the endpoint counts as unavailable.
            backoff_seconds: about the first pause between attempts; it doubles, with jitter.
            max_wait_seconds: the longest pause, whatever the endpoint asks for.
            timeout_seconds: how long one attempt may take.

        Raises:
            ConfigurationError: the name is empty, or the URL is not one or holds a password.
        """
        if not model:
            raise ConfigurationError(
                "An openai: model needs a name, such as openai:text-embedding-3-small."
            )
        self._model = model
        self._dim = dim
        self._client = OpenAIClient(
            base_url,
            api_key,
            attempts=attempts,
            backoff_seconds=backoff_seconds,
            max_wait_seconds=max_wait_seconds,
            timeout_seconds=timeout_seconds,
        )

    @classmethod
    def from_name(
        cls, name: str, *, base_url: str = OPENAI_BASE_URL, api_key: str | None = None
    ) -> OpenAIEncoder:
        """Read `MODEL` or `MODEL@dim`."""
        model, at, dim = name.rpartition("@")
        if at and dim.isdigit() and int(dim) > 0:
            return cls(model, dim=int(dim), base_url=base_url, api_key=api_key)
        return cls(name, base_url=base_url, api_key=api_key)

    def __repr__(self) -> str:
        return f"OpenAIEncoder({self._model!r}, base_url={self._client.address!r})"

    @cached_property
    def info(self) -> ModelInfo:
        """The model's record; an unknown dimension is learned by one request.

        Raises:
            ModelUnavailableError: that request was not answered.
        """
        dim = self._dim or _DIMS.get(self._model) or self._probe()
        facts = {"kind": "openai", "host": self._client.host, "model": self._model, "dim": dim}
        return ModelInfo(
            name=f"openai:{self._model}{f'@{self._dim}' if self._dim else ''}",
            fingerprint=digest(facts),
            dim=dim,
            max_tokens=_OPENAI_MAX_TOKENS if self._model in _DIMS else None,
            normalized=self._model in _DIMS,
        )

    def encode(self, texts: Sequence[str], role: Role = "document") -> Vector:
        """Encode texts: float32, shape (len(texts), dim).

        Raises:
            EncodingError: the endpoint refuses a text, or answers with something else.
            ModelUnavailableError: it does not answer, or refuses the key.
            ModelNotFoundError: it has no such model.
        """
        dim = self.info.dim
        parts = [self._batch(batch, dim) for batch in request_batches(texts)]
        return np.concatenate(parts) if parts else np.zeros((0, dim), dtype=np.float32)

    def _batch(self, texts: list[str], dim: int) -> Vector:
        """Encode what should fit into one request; halve it as often as it does not."""
        try:
            return read_answer(self._client.post(self._payload(texts)), len(texts), dim)
        except TooLargeError as error:
            if len(texts) == 1:
                raise EncodingError(f"{self._model} refused a text: {error}") from error
        middle = len(texts) // 2
        return np.concatenate([self._batch(half, dim) for half in (texts[:middle], texts[middle:])])

    def _payload(self, texts: list[str]) -> dict[str, Any]:
        payload: dict[str, Any] = {
            "model": self._model,
            "input": texts,
            "encoding_format": "float",
        }
        if self._dim and self._model.startswith(_SHORTENED):
            payload["dimensions"] = self._dim
        return payload

    def _probe(self) -> int:
        try:
            answer = self._client.post(self._payload(["embeddb"]))
            return int(read_answer(answer, 1, None).shape[1])
        except TooLargeError as error:
            raise ModelUnavailableError(f"{self._model} refused a single word: {error}") from error


def request_batches(texts: Sequence[str]) -> Iterator[list[str]]:
    """Yield the texts in order, in batches within the limits of one request."""
    batch: list[str] = []
    tokens = 0
    for text in texts:
        cost = 1 + len(text.encode("utf-8", "replace")) // _BYTES_PER_TOKEN
        if batch and (len(batch) == MAX_TEXTS or tokens + cost > MAX_TOKENS):
            yield batch
            batch, tokens = [], 0
        batch.append(text)
        tokens += cost
    if batch:
        yield batch


def read_answer(answer: object, count: int, dim: int | None) -> Vector:
    """Return the vectors of an answer in the order of the texts: shape (count, dim).

    Raises:
        EncodingError: vectors are missing, doubled, of another dimension or not finite.
    """
    data = answer.get("data") if isinstance(answer, dict) else None
    if not isinstance(data, list) or not all(isinstance(entry, dict) for entry in data):
        raise EncodingError("The endpoint's answer holds no list of embeddings.")
    # Some servers leave the index out; then the order is the request's.
    indexes = [entry.get("index", position) for position, entry in enumerate(data)]
    if not all(isinstance(index, int) for index in indexes) or sorted(indexes) != [*range(count)]:
        raise EncodingError(f"The endpoint returned {len(data)} embeddings for {count} texts.")
    rows = [
        entry.get("embedding") for _, entry in sorted(zip(indexes, data, strict=True), key=_first)
    ]
    return check_vectors(rows, count, dim, "The endpoint")


def _first(pair: tuple[int, Any]) -> int:
    return pair[0]
