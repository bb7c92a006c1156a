"""What an endpoint means when it refuses a request: its status, its words, and what follows.

Providers use the same status for different things: 500 for a text that is too long, 400 for a
used-up account, 200 for an error of a server behind a proxy. So the words count as well.
"""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from embeddb.errors import ModelNotFoundError, ModelUnavailableError

_TOO_LARGE = (
    "too large",
    "too long",
    "too many",
    "batch size",
    "batch_size",
    "batch too",
    "larger than",
    "at most",
    "context length",
    "context size",
    "context window",
    "context_length",
    "maximum",
    "max_tokens",
    "limit",
    "exceed",
)
"""What providers write when a request, or a text in it, is over a limit."""

_NOT_NOW = (
    "rate limit",
    "rate_limit",
    "ratelimit",
    "too many requests",
    "overloaded",
    "try again",
    "temporarily",
    "is loading",
)
"""What they write when the same request may be taken later, also with status 200 or 500."""

_NO_MONEY = ("insufficient_quota", "insufficient credit", "insufficient balance", "arrearage")

_UNKNOWN_FIELD = (
    "extra inputs are not permitted",
    "extra_forbidden",
    "unknown field",
    "unknown parameter",
    "unrecognized",
    "unsupportedparams",
    "unexpected keyword",
    "additional properties",
)

_FIELD_WORDS = {
    "dimensions": ("dimension", "matryoshka"),
    "encoding_format": ("encoding_format", "encoding format"),
}
"""Optional fields of a request, and what is written where one is refused."""

_KEY_STATUSES = frozenset({401, 403, 407})
_GONE_STATUSES = frozenset({404, 405, 410})


class AgainError(Exception):
    """The request may succeed later; `wait_seconds` is what the endpoint asked for."""

    def __init__(self, message: str, wait_seconds: float | None = None) -> None:
        super().__init__(message)
        self.wait_seconds = wait_seconds


class PassingError(AgainError):
    """The endpoint takes nothing at the moment; no text is at fault."""


class DoubtfulError(AgainError):
    """The endpoint failed: it may be down, or a text of the request may be what it fails on."""


class TooLargeError(Exception):
    """The request, or a text in it, was refused for its size."""


class RefusedError(Exception):
    """The request was refused for what it holds."""


class Refusal(NamedTuple):
    """A request that was refused: the HTTP status, or the one in the body, and the reason.

    Attributes:
        code: the provider's own name for it, or an empty text.
    """

    status: int
    words: str
    code: str

    def __str__(self) -> str:
        known = self.code in self.words or self.code == str(self.status)
        code = "" if known else f" ({self.code})"
        return f"HTTP {self.status}: {self.words}{code}"

    def says(self, words: tuple[str, ...]) -> bool:
        """Return whether one of these words is in the reason or in its code."""
        said = f"{self.words} {self.code}".lower()
        return any(word in said for word in words)


def body_refusal(answer: object) -> Refusal | None:
    """Return the refusal that an answer of status 200 holds in the place of vectors, or None."""
    if not isinstance(answer, dict) or answer.get("data"):
        return None
    if not answer.get("error") and answer.get("object") != "error":
        return None
    words, code = words_of(answer)
    return Refusal(int(code) if code.isdigit() and 400 <= int(code) <= 599 else 200, words, code)


def words_of(answer: object) -> tuple[str, str]:
    """Return the reason in the body of an answer, and its code (empty: there is none)."""
    found: Any = answer
    if isinstance(found, list) and len(found) == 1:
        found = found[0]  # Google's own errors come in a list
    whole = found
    if isinstance(found, dict) and found.get("error"):
        found = found["error"]
    if not isinstance(found, dict):
        return _text(found), ""
    code = found.get("code") or found.get("type") or ""
    if isinstance(whole, dict):
        code = code or whole.get("code") or whole.get("error_type") or ""
    words = next((found[key] for key in ("message", "detail", "msg") if found.get(key)), found)
    return _text(words), str(code)


def refused_field(error: Exception, payload: dict[str, Any]) -> str | None:
    """Return the optional field of a request that an endpoint does not take, or None."""
    said = str(error).lower()
    named = (
        field
        for field, words in _FIELD_WORDS.items()
        if field in payload and any(word in said for word in words)
    )
    field = next(named, None)
    if field is None and any(word in said for word in _UNKNOWN_FIELD):
        return next((name for name in _FIELD_WORDS if name in payload), None)
    return field


def error_of(refusal: Refusal, address: str, wait_seconds: float | None) -> Exception:
    """Return the error that a refusal is: what follows from it depends on its class."""
    permanent = _permanent(refusal, address)
    if permanent is not None:
        return permanent
    said = str(refusal)
    if refusal.status == 429 or refusal.says(_NOT_NOW):
        return PassingError(said, wait_seconds)
    if refusal.status == 413 or refusal.says(_TOO_LARGE):
        return TooLargeError(said)
    if refusal.status >= 500 or refusal.status in {200, 408, 409, 424, 425}:
        return DoubtfulError(said, wait_seconds)
    return RefusedError(said)


def _permanent(refusal: Refusal, address: str) -> Exception | None:
    """Return the error of a refusal that no other request would escape, or None."""
    status = refusal.status
    if status == 402 or refusal.says(_NO_MONEY):
        return ModelUnavailableError(f"{address}: the quota or the money is used up: {refusal}")
    if status in _KEY_STATUSES:
        return ModelUnavailableError(
            f"{address} refused access: {refusal}. Set OPENAI_API_KEY to a valid key of an account "
            "that may use this model."
        )
    if status in _GONE_STATUSES:
        return ModelNotFoundError(f"{address} has no such model or path: {refusal}")
    if 300 <= status < 400:
        return ModelUnavailableError(
            f"{address} sends elsewhere (HTTP {status}): set the base URL to the API itself."
        )
    return None


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
