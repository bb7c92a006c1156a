"""POST to an OpenAI-compatible endpoint: retries, and errors that never show the key."""

from __future__ import annotations

import re
import weakref
from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

from embeddb.encoders.openai_refusals import (
    AgainError,
    DoubtfulError,
    PassingError,
    Refusal,
    body_refusal,
    error_of,
    words_of,
)
from embeddb.encoders.openai_waits import asked_pause
from embeddb.errors import ConfigurationError, EncodingError, ModelUnavailableError
from embeddb.forks import renewed_in_child

if TYPE_CHECKING:
    import httpx
    from tenacity import RetryCallState

T = TypeVar("T")

_SHOWN_CHARACTERS = 300

_AZURE = ".azure.com"

_MASKED_KEY = re.compile(r"\b(?:sk|pk|rk|gsk|hf|key)[-_][\w*.-]{6,}|[\w.-]*\*{3,}[\w.*-]*", re.I)
"""Keys, and what providers leave of them, as in `Incorrect API key provided: sk-ab***yz`."""


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

    def post(
        self,
        payload: dict[str, Any],
        read: Callable[[object], T],
        *,
        doubtful_attempts: int | None = None,
    ) -> T:
        """Send a request until it is answered, and return what `read` makes of the answer's JSON.

        Args:
            payload: the request.
            read: raises DoubtfulError where the answer is not what was asked for.
            doubtful_attempts: how often to try where the request itself may be at fault; None:
                as often as otherwise.

        Raises:
            TooLargeError: the endpoint refuses the request for its size.
            RefusedError: it refuses what the request holds.
            DoubtfulError: it failed, and the request may be at fault.
            ModelUnavailableError: it does not answer in all attempts, or refuses the key.
            ModelNotFoundError: it has no such model or path.
        """
        import tenacity

        doubtful = min(self._attempts, doubtful_attempts or self._attempts)

        def is_last(state: RetryCallState) -> bool:
            error = state.outcome.exception() if state.outcome else None
            most = doubtful if isinstance(error, DoubtfulError) else self._attempts
            return state.attempt_number >= most

        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(AgainError),
            stop=is_last,
            wait=self._wait,
            reraise=True,
        )
        try:
            answered: T = retrying(self._post_once, payload, read)
        except PassingError as error:
            raise self.unavailable(error) from error.__cause__
        return answered

    def unavailable(self, error: Exception) -> ModelUnavailableError:
        """Return the error of an endpoint that failed in every attempt."""
        return ModelUnavailableError(
            f"{self.address} did not answer in {self._attempts} attempts: {error}"
        )

    def _post_once(self, payload: dict[str, Any], read: Callable[[object], T]) -> T:
        import httpx

        try:
            response = self._http.post(self._url, json=payload)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
            raise PassingError(self._clean(f"{type(error).__name__}: {error}")) from None
        except httpx.RequestError as error:
            # A server that dies of a text, or takes too long for it, ends the connection, too.
            raise DoubtfulError(self._clean(f"{type(error).__name__}: {error}")) from None
        except UnicodeEncodeError as error:
            raise EncodingError("A text holds characters that UTF-8 cannot encode.") from error
        if not response.is_success:
            raise self._refusal(response)
        answer = self._json(response)
        refusal = body_refusal(answer)
        if refusal is not None:
            raise self._error(refusal, response)
        return read(answer)

    def _refusal(self, response: httpx.Response) -> Exception:
        """Make the error that a refused request raises."""
        try:
            words, code = words_of(response.json())
        except ValueError:
            words, code = response.text, ""
        return self._error(Refusal(response.status_code, words, code), response)

    def _error(self, refusal: Refusal, response: httpx.Response) -> Exception:
        said = Refusal(refusal.status, self._clean(refusal.words), refusal.code)
        return error_of(said, self.address, asked_pause(response.headers))

    def _json(self, response: httpx.Response) -> object:
        try:
            answer: object = response.json()
        except ValueError:
            page = "a web page, " if "html" in response.text[:200].lower() else ""
            raise DoubtfulError(
                f"HTTP {response.status_code}: {page}not JSON: {self._clean(response.text)}"
            ) from None
        return answer

    def _wait(self, state: RetryCallState) -> float:
        """Return the pause before the next attempt, in seconds: the endpoint's own goes first."""
        import tenacity

        error = state.outcome.exception() if state.outcome else None
        if isinstance(error, AgainError) and error.wait_seconds is not None:
            return min(error.wait_seconds, self._max_wait_seconds)
        backoff = tenacity.wait_exponential(
            multiplier=self._backoff_seconds, max=self._max_wait_seconds
        )
        # Jitter keeps workers that were refused together from coming back together.
        return float((backoff + tenacity.wait_random(0, self._backoff_seconds))(state))

    def _clean(self, text: str) -> str:
        """Return what the endpoint said without keys, on one line, in a bounded length."""
        if self._api_key:
            text = text.replace(self._api_key, "***")
        text = _MASKED_KEY.sub("***", text)
        return " ".join(text.split())[:_SHOWN_CHARACTERS]

    @cached_property
    def _http(self) -> httpx.Client:
        import httpx

        headers = {"Authorization": f"Bearer {self._api_key}"} if self._api_key else {}
        if self._api_key and self.host.split(":")[0].endswith(_AZURE):
            headers["api-key"] = self._api_key
        client = httpx.Client(headers=headers, timeout=self._timeout_seconds)
        self._closing = weakref.finalize(self, client.close)
        return client

    def _forget(self) -> None:
        """Leave the connections to the parent of this process."""
        if self.__dict__.pop("_http", None) is not None:
            self._closing.detach()
