"""Front matter: the YAML or TOML above a Markdown page, as Hugo, Jekyll and Obsidian write it."""

from __future__ import annotations

import math
import re
import tomllib
from collections.abc import Mapping
from datetime import date, datetime, time
from typing import Any, NamedTuple

import yaml  # type: ignore[import-untyped]

from embeddb.sources.parsers.titles import short_title

MAX_FRONT_MATTER_CHARACTERS = 64 * 1024
MAX_DEPTH = 20
MAX_ERROR_CHARACTERS = 300

ERROR_KEY = "front_matter_error"

_OPENING = re.compile(r"\ufeff?(---|\+\+\+)[ \t]*\r?\n")
_CLOSING = {
    "---": re.compile(r"^(?:---|\.\.\.)[ \t]*\r?(?:\n|\Z)", re.MULTILINE),
    "+++": re.compile(r"^\+\+\+[ \t]*\r?(?:\n|\Z)", re.MULTILINE),
}
_BLANK_LINES = re.compile(r"(?:[ \t]*\r?\n)*")


class Page(NamedTuple):
    """A page without its front matter, and what the front matter says.

    Attributes:
        start: where the page itself starts in `text`: 0, but for front matter left in it.
    """

    text: str
    metadata: Mapping[str, Any]
    start: int = 0

    @property
    def title(self) -> str | None:
        """The title that the front matter names, or None."""
        title = self.metadata.get("title")
        is_text = isinstance(title, str | int | float) and not isinstance(title, bool)
        return short_title(title) if is_text else None


def split(text: str) -> Page:
    """Return a page without its front matter; one that cannot be read stays in the text.

    Why it cannot be read stands in the metadata, as `front_matter_error`.
    """
    opening = _OPENING.match(text)
    if opening is None:
        return Page(text, {})
    mark = opening[1]
    limit = opening.end() + MAX_FRONT_MATTER_CHARACTERS
    closing = _CLOSING[mark].search(text, opening.end())
    if closing is None or closing.start() > limit:  # a rule, not the start of front matter
        return Page(text, {})
    try:
        found = _read(text[opening.end() : closing.start()], mark)
    except _UnreadableError as error:
        return Page(text, {ERROR_KEY: str(error)[:MAX_ERROR_CHARACTERS]}, closing.end())
    if found is None:
        return Page(text, {})
    blank = _BLANK_LINES.match(text, closing.end())
    return Page(text[blank.end() if blank else closing.end() :], found)


class _UnreadableError(Exception):
    pass


def _read(block: str, mark: str) -> dict[str, Any] | None:
    """Return what a block says, or None where it is a text between two rules."""
    try:
        found = tomllib.loads(block) if mark == "+++" else yaml.load(block, _Loader)
    except (tomllib.TOMLDecodeError, yaml.YAMLError, ValueError, OverflowError) as error:
        raise _UnreadableError(" ".join(str(error).split())) from error
    except RecursionError as error:
        raise _UnreadableError(f"nested more than {MAX_DEPTH} deep") from error
    if found is None:  # to YAML a heading of Markdown is a comment; a rule has a blank line below
        return None if block.strip() and not block.splitlines()[0].strip() else {}
    return _object(found, 0) if isinstance(found, dict) else None


def _object(found: Mapping[Any, Any], depth: int) -> dict[str, Any]:
    return {str(_value(key, depth)): _value(value, depth) for key, value in found.items()}


def _value(value: object, depth: int) -> Any:  # noqa: ANN401
    """Return a value as JSON has it: dates become text, and so do numbers that JSON lacks."""
    if depth > MAX_DEPTH:
        raise _UnreadableError(f"nested more than {MAX_DEPTH} deep")
    if isinstance(value, Mapping):
        return _object(value, depth + 1)
    if isinstance(value, list | tuple | set):
        return [_value(item, depth + 1) for item in value]
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if value is None or isinstance(value, str | bool | int | float):
        return value
    return str(value)


class _Loader(yaml.SafeLoader):  # type: ignore[misc]
    """YAML 1.2 as far as front matter goes: `no` is a word, and `12:30` and `007` are texts."""

    def compose_node(self, parent: Any, index: Any) -> Any:  # noqa: ANN401
        # a few aliases of aliases can stand for more than fits in memory
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError("aliases (*name) are not read")
        return super().compose_node(parent, index)


_NUMBER = list("-+0123456789")
_Loader.yaml_implicit_resolvers = {}
for _tag, _pattern, _first in (
    ("bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("int", r"[-+]?(?:0|[1-9][0-9]{0,17})", _NUMBER),
    ("float", r"[-+]?(?:0|[1-9][0-9]*)(?:\.[0-9]+(?:[eE][-+]?[0-9]+)?|[eE][-+]?[0-9]+)", _NUMBER),
    (
        "timestamp",
        r"\d{4}-\d\d-\d\d(?:(?:[Tt]|[ \t]+)\d\d?:\d\d:\d\d(?:\.\d*)?"
        r"(?:[ \t]*(?:Z|[-+]\d\d?(?::?\d\d)?))?)?",
        _NUMBER,
    ),
):
    _Loader.add_implicit_resolver(
        f"tag:yaml.org,2002:{_tag}", re.compile(f"(?:{_pattern})$"), _first
    )
