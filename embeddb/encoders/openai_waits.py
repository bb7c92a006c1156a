"""How long an endpoint asks to wait, from the headers of its answer."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}

_EPOCH = 1e9
"""A number above this is a moment in Unix time, not a number of seconds from now."""


def asked_pause(headers: Mapping[str, str]) -> float | None:
    """Return the seconds from now that an endpoint asks to wait, or None.

    `Retry-After` (seconds or a date) goes first, then `retry-after-ms`, then the reset of the limit
    that is used up (`x-ratelimit-reset-requests: 1s`).
    """
    after = retry_after(headers.get("retry-after"))
    if after is not None:
        return after
    milliseconds = _number(headers.get("retry-after-ms"))
    if milliseconds is not None:
        return max(0.0, milliseconds / 1000)
    resets = [
        pause
        for suffix in ("", "-requests", "-tokens")
        if _number(headers.get(f"x-ratelimit-remaining{suffix}")) == 0
        and (pause := _reset(headers.get(f"x-ratelimit-reset{suffix}"))) is not None
    ]
    return max(resets, default=None)


def retry_after(value: str | None) -> float | None:
    """Return the seconds from now that a Retry-After header asks for, in seconds or as a date."""
    if not value:
        return None
    seconds = _number(value)
    if seconds is None:
        try:
            moment = parsedate_to_datetime(value)
        except ValueError:
            return None
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        seconds = (moment - datetime.now(UTC)).total_seconds()
    return max(0.0, seconds)


def _reset(value: str | None) -> float | None:
    """Return the seconds of `6m0s`, of `12`, or until a moment in Unix time."""
    if not value:
        return None
    seconds = _number(value)
    if seconds is None:
        parts = _DURATION.findall(value)
        return sum(float(number) * _SECONDS[unit] for number, unit in parts) if parts else None
    if seconds > 1000 * _EPOCH:
        seconds /= 1000
    if seconds > _EPOCH:
        seconds -= datetime.now(UTC).timestamp()
    return max(0.0, seconds)


def _number(value: str | None) -> float | None:
    try:
        number = float(value or "")
    except ValueError:
        return None
    return number if math.isfinite(number) else None
