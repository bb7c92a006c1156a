"""What a parser makes of a file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

_NOTHING: Mapping[str, Any] = {}

# Between the pages of a PDF and the slides of a presentation, the empty ones included: whoever
# counts form feeds counts pages.
PAGE_BREAK = "\n\f\n"


class Parsed(NamedTuple):
    """The text of a file, its title where it names one, and what else it says of itself."""

    text: str
    title: str | None = None
    metadata: Mapping[str, Any] = _NOTHING


def pages(texts: Sequence[str]) -> str:
    """Return pages as one text, in which they can be counted; nothing if all are empty."""
    return PAGE_BREAK.join(texts) if any(texts) else ""
