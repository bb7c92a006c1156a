"""Encode through any endpoint that speaks OpenAI's embeddings API."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Any

import numpy as np

from embeddb.encoders.checks import PartlyEncodedError
from embeddb.encoders.fingerprint import digest
from embeddb.encoders.openai_answer import Answer, read_answer
from embeddb.encoders.openai_client import OpenAIClient
from embeddb.encoders.openai_refusals import (
    DoubtfulError,
    RefusedError,
    TooLargeError,
    refused_field,
)
from embeddb.encoders.openai_requests import RequestLimits
from embeddb.encoders.registry import OPENAI_DIMS
from embeddb.encoders.settings import OPENAI_BASE_URL
from embeddb.errors import ConfigurationError, EncodingError, ModelUnavailableError
from embeddb.records import ModelInfo, Role, Vector

_PROBE = "text"
"""A text that every model takes: if it fails, too, no text is at fault."""

_DOUBTFUL_ATTEMPTS = 2
"""Attempts of a request of many texts that fails; then a probe tells whether a text is at fault."""

_DOUBTFUL_ATTEMPTS_ALONE = 3
"""Attempts of a request of one text, before that text is at fault."""

_OPENAI_MAX_TOKENS = 8191


@dataclass(slots=True)
class _Found:
    """The vectors of one call, and the errors of the texts that have none."""

    vectors: Vector
    errors: dict[int, EncodingError] = field(default_factory=dict)

    def take(self, rows: range, answer: Answer) -> None:
        """Take the answer to the texts of some rows."""
        self.vectors[rows.start : rows.stop] = answer.vectors
        self.errors |= {rows[row]: error for row, error in answer.errors.items()}


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
            dim: asked of the endpoint, and checked; None takes the known one of OpenAI's models
                and asks others once.
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
        self._limits = RequestLimits()
        self._refused_fields: dict[str, str] = {}
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
        known = OPENAI_DIMS.get(
            self._model.rpartition("/")[2]
        )  # LiteLLM: openai/text-embedding-3-small
        dim = self._dim or known or int(self._probe().vectors.shape[1])
        facts = {"kind": "openai", "host": self._client.host, "model": self._model, "dim": dim}
        return ModelInfo(
            name=f"openai:{self._model}{f'@{self._dim}' if self._dim else ''}",
            fingerprint=digest(facts),
            dim=dim,
            max_tokens=_OPENAI_MAX_TOKENS if known else None,
            normalized=known is not None,
        )

    def encode(self, texts: Sequence[str], role: Role = "document") -> Vector:
        """Encode texts: float32, shape (len(texts), dim).

        Raises:
            EncodingError: the endpoint refuses the only text, or fails on it.
            PartlyEncodedError: it refuses some of the texts, or fails on them.
            ModelUnavailableError: it does not answer, or refuses the key or every text.
            ModelNotFoundError: it has no such model.
        """
        listed = list(texts)
        found = _Found(np.full((len(listed), self.info.dim), np.nan, dtype=np.float32))
        for rows in self._limits.batches(listed):
            self._encode(listed, rows, found)
        if found.errors:
            raise PartlyEncodedError(found.vectors, found.errors)
        return found.vectors

    def _encode(
        self, texts: list[str], rows: range, found: _Found, attempts: int = _DOUBTFUL_ATTEMPTS
    ) -> None:
        """Encode the texts of some rows, in smaller requests where one request does not succeed."""
        if len(rows) == 1:
            attempts = _DOUBTFUL_ATTEMPTS_ALONE
        asked = texts[rows.start : rows.stop]
        try:
            found.take(rows, self._ask(asked, found.vectors.shape[1], attempts))
            return
        except EncodingError as error:
            cause: Exception = error
        except (TooLargeError, RefusedError, DoubtfulError) as error:
            cause = error
        if len(rows) == 1:
            found.errors[rows.start] = self._blame(cause)
            return
        known = len(found.errors)
        too_large = isinstance(cause, TooLargeError)
        for part in self._limits.parts(rows, str(cause) if too_large else ""):
            self._encode(texts, part, found, 1)
        if too_large and len(found.errors) == known:
            self._limits.learn(asked, str(cause))

    def _ask(self, texts: list[str], dim: int | None, attempts: int) -> Answer:
        """Return the answer to one request; once more where the endpoint was down meanwhile.

        Raises:
            TooLargeError, RefusedError, DoubtfulError: the endpoint takes other texts, not these.
        """
        try:
            return self._post(texts, dim, attempts)
        except DoubtfulError:
            if self._answers_at_once():
                raise
        return self._post(texts, dim, attempts)

    def _answers_at_once(self) -> bool:
        """Return whether the endpoint takes a word now, and not only after it was down.

        Raises:
            ModelUnavailableError: it does not take it in all attempts.
        """
        try:
            self._post([_PROBE], None, 1)
        except DoubtfulError:
            self._probe()
            return False
        except (TooLargeError, RefusedError, EncodingError) as error:
            raise self._refuses_all(error) from error
        return True

    def _blame(self, cause: Exception) -> EncodingError:
        """Return the error of a text that failed alone.

        Raises:
            ModelUnavailableError: the endpoint does not take a word either.
        """
        if not isinstance(cause, EncodingError):
            self._answers_at_once()
        error = EncodingError(f"{self._model} refused a text: {cause}")
        error.__cause__ = cause
        return error

    def _probe(self) -> Answer:
        """Return the answer to one word, asked for as often as the endpoint may be tried.

        Raises:
            ModelUnavailableError: there is none.
        """
        try:
            return self._post([_PROBE], None, None)
        except DoubtfulError as error:
            raise self._client.unavailable(error) from error
        except (TooLargeError, RefusedError, EncodingError) as error:
            raise self._refuses_all(error) from error

    def _refuses_all(self, error: Exception) -> ModelUnavailableError:
        return ModelUnavailableError(
            f"{self._client.address} refuses every text for {self._model}: {error}"
        )

    def _post(self, texts: list[str], dim: int | None, attempts: int | None) -> Answer:
        """Send one request, without the optional fields that the endpoint does not take."""
        while True:
            payload = self._payload(texts)
            hint = self._refused_fields.get("dimensions", "")
            read = partial(read_answer, count=len(texts), dim=dim, hint=hint)
            try:
                return self._client.post(payload, read, doubtful_attempts=attempts)
            except (TooLargeError, RefusedError, DoubtfulError) as error:
                refused = refused_field(error, payload)
                if refused is None:
                    raise
                self._refused_fields[refused] = str(error)

    def _payload(self, texts: list[str]) -> dict[str, Any]:
        payload: dict[str, Any] = {"model": self._model, "input": texts}
        optional = {"encoding_format": "float", "dimensions": self._dim}
        for name, value in optional.items():
            if value and name not in self._refused_fields:
                payload[name] = value
        return payload
