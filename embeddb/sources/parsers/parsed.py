"""What a parser makes of a file."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

_NOTHING: Mapping[str, Any] = {}
_OWN_KEYS = ("path", "title")
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")

# Between the pages of a PDF and the slides of a presentation, the empty ones included: whoever
# counts form feeds counts pages.
PAGE_BREAK = "\n\f\n"


class Parsed(NamedTuple):
    """The text of a file, its title where it names one, and what else it says of itself."""

    text: str
    title: str | None = None
    metadata: Mapping[str, Any] = _NOTHING

    def about(self) -> dict[str, Any]:
        """Return the title, where there is one, and what else the file says, as Postgres has it."""
        said = {key: value for key, value in self.metadata.items() if key not in _OWN_KEYS}
        title = {} if self.title is None else {"title": self.title}
        return dict(_repaired({**title, **said}))


def pages(texts: Sequence[str]) -> str:
    """Return pages as one text, in which they can be counted; nothing if all are empty."""
    return PAGE_BREAK.join(texts) if any(texts) else ""


def _repaired(value: Any) -> Any:  # noqa: ANN401
    """Return a value with U+FFFD for what Postgres cannot store in texts."""
    if isinstance(value, str):
        return _UNSTORABLE.sub("\N{REPLACEMENT CHARACTER}", value)
    if isinstance(value, Mapping):
        return {_repaired(key): _repaired(item) for key, item in value.items()}
    return [_repaired(item) for item in value] if isinstance(value, list) else value
