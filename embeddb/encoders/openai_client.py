"""POST to an OpenAI-compatible endpoint: retries, and errors that never show the key."""

from __future__ import annotations

import math
import weakref
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from embeddb.errors import (
    ConfigurationError,
    EncodingError,
    ModelNotFoundError,
    ModelUnavailableError,
)
from embeddb.forks import renewed_in_child

if TYPE_CHECKING:
    import httpx
    from tenacity import RetryCallState

_RETRIED = frozenset({408, 409, 425, 429, 500, 502, 503, 504, 529})
_SIZE_WORDS = ("too large", "too long", "too many", "maximum", "max_tokens", "limit", "exceed")
"""What providers write when a request, or a text in it, is over a limit."""

_SHOWN_CHARACTERS = 300


class TooLargeError(Exception):
    """The request was refused for its size."""


class RetryableError(Exception):
    """The request may succeed later; `wait_seconds` is what the endpoint asked for."""

    def __init__(self, message: str, wait_seconds: float | None = None) -> None:
        super().__init__(message)
        self.wait_seconds = wait_seconds


class OpenAIClient:
    """One endpoint and its key; connections are kept, and shared between threads."""

    def __init__(
        self,
        base_url: str,
        api_key: str | None,
        *,
        attempts: int,
        backoff_seconds: float,
        max_wait_seconds: float,
        timeout_seconds: float,
    ) -> None:
        url = urlsplit(base_url)
        if url.scheme not in {"http", "https"} or not url.hostname:
            raise ConfigurationError("The endpoint's base URL must begin with http:// or https://.")
        if url.username or url.password:
            raise ConfigurationError("Put the API key into OPENAI_API_KEY, not into the base URL.")
        self.host = url.hostname if url.port is None else f"{url.hostname}:{url.port}"
        self.address = f"{url.scheme}://{self.host}{url.path.rstrip('/')}"
        self._url = f"{self.address}/embeddings" + (f"?{url.query}" if url.query else "")
        self._api_key = api_key
        self._attempts = attempts
        self._backoff_seconds = backoff_seconds
        self._max_wait_seconds = max_wait_seconds
        self._timeout_seconds = timeout_seconds
        renewed_in_child(self, OpenAIClient._forget)

    def post(self, payload: dict[str, Any]) -> object:
        """Send a request until it is answered, and return the answer's JSON.

        Raises:
            TooLargeError: the endpoint refuses the request for its size.
            EncodingError: it refuses the content, or its answer is not JSON.
            ModelUnavailableError: it does not answer in all attempts, or refuses the key.
            ModelNotFoundError: it has no such model or path.
        """
        import tenacity

        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(RetryableError),
            stop=tenacity.stop_after_attempt(self._attempts),
            wait=self._wait,
            reraise=True,
        )
        try:
            return retrying(self._post_once, payload)
        except RetryableError as error:
            raise ModelUnavailableError(
                f"{self.address} did not answer in {self._attempts} attempts: {error}"
            ) from error.__cause__

    def _post_once(self, payload: dict[str, Any]) -> object:
        import httpx

        try:
            response = self._http.post(self._url, json=payload)
        except httpx.TransportError as error:
            raise RetryableError(self._clean(f"{type(error).__name__}: {error}")) from None
        except UnicodeEncodeError as error:
            raise EncodingError("A text holds characters that UTF-8 cannot encode.") from error
        if response.is_success:
            return self._json(response)
        raise self._refusal(response)

    def _refusal(self, response: httpx.Response) -> Exception:
        """Make the error that a refused request raises."""
        status = response.status_code
        said = f"HTTP {status}: {self._clean(response.text)}"
        if status in {401, 403}:
            # What providers say here repeats a part of the key.
            return ModelUnavailableError(
                f"{self.address} refused the API key (HTTP {status}): "
                "set OPENAI_API_KEY to a valid one."
            )
        if status == 404:
            return ModelNotFoundError(f"{self.address} has no such model or path: {said}")
        if "insufficient_quota" in response.text:
            return ModelUnavailableError(f"{self.address}: the quota is used up: {said}")
        if status in _RETRIED or status > 504:
            return RetryableError(said, _retry_after(response.headers.get("retry-after")))
        if status == 413 or any(word in said.lower() for word in _SIZE_WORDS):
            return TooLargeError(said)
        return EncodingError(f"{self.address} refused the request: {said}")

    def _json(self, response: httpx.Response) -> object:
        try:
            answer: object = response.json()
        except ValueError:
            raise EncodingError(f"{self.address} did not answer with JSON.") from None
        return answer

    def _wait(self, state: RetryCallState) -> float:
        """Return the pause before the next attempt, in seconds: the endpoint's own goes first."""
        import tenacity

        error = state.outcome.exception() if state.outcome else None
        if isinstance(error, RetryableError) and error.wait_seconds is not None:
            return min(error.wait_seconds, self._max_wait_seconds)
        backoff = tenacity.wait_exponential(
            multiplier=self._backoff_seconds, max=self._max_wait_seconds
        )
        # Jitter keeps workers that were refused together from coming back together.
        return float((backoff + tenacity.wait_random(0, self._backoff_seconds))(state))

    def _clean(self, text: str) -> str:
        if self._api_key:
            text = text.replace(self._api_key, "***")
        return " ".join(text.split())[:_SHOWN_CHARACTERS]

    @cached_property
    def _http(self) -> httpx.Client:
        import httpx

        headers = {"Authorization": f"Bearer {self._api_key}"} if self._api_key else {}
        client = httpx.Client(headers=headers, timeout=self._timeout_seconds)
        self._closing = weakref.finalize(self, client.close)
        return client

    def _forget(self) -> None:
        """Leave the connections to the parent of this process."""
        if self.__dict__.pop("_http", None) is not None:
            self._closing.detach()


def _retry_after(value: str | None) -> float | None:
    """Return the seconds from now that a Retry-After header asks for, in seconds or as a date."""
    if not value:
        return None
    try:
        seconds = float(value)
    except ValueError:
        try:
            moment = parsedate_to_datetime(value)
        except ValueError:
            return None
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        seconds = (moment - datetime.now(UTC)).total_seconds()
    return max(0.0, seconds) if math.isfinite(seconds) else None
