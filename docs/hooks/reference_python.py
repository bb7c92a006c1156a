"""The reference of Python as plain text: what mkdocstrings makes HTML of, for programs to read."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import griffe

DIRECTIVE = re.compile(r"^::: (?P<path>[\w.]+)\n(?: {4}.*\n)*", re.MULTILINE)


def plain(markdown: str) -> str:
    """Return a page whose `:::` directives are signatures and docstrings."""
    return DIRECTIVE.sub(lambda found: "\n\n".join(_object(found["path"])) + "\n", markdown + "\n")


@cache
def _package() -> Any:  # noqa: ANN401
    return griffe.load("embeddb", search_paths=[Path(__file__).parents[2]], resolve_aliases=True)


def _object(path: str) -> Iterator[str]:
    thing = _package()[path.removeprefix("embeddb.")]
    yield f"### {thing.name}"
    yield from _described(thing)
    if thing.is_class:
        for name, member in sorted(thing.all_members.items()):
            if not name.startswith("_") and member.has_docstring:
                yield f"#### {thing.name}.{name}"
                yield from _described(member)


def _described(thing: Any) -> Iterator[str]:  # noqa: ANN401
    thing = thing.final_target if thing.is_alias else thing
    if thing.is_function:
        yield f"```python\n{thing.signature()}\n```"
    if thing.has_docstring:
        yield thing.docstring.value
