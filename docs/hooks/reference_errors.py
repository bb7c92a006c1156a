"""The reference of errors and warnings, from the tree of classes in `embeddb.errors`."""

from __future__ import annotations

import inspect
from collections.abc import Iterator

from embeddb import errors


def markdown() -> str:
    """Return the two trees as nested lists, each class with what it means."""
    trees = ((errors.EmbedDBError, "Errors"), (errors.EmbedDBWarning, "Warnings"))
    return "\n\n".join(f"## {title}\n\n" + "\n".join(_tree(root, 0)) for root, title in trees)


def _tree(kind: type, depth: int) -> Iterator[str]:
    text = inspect.cleandoc(kind.__doc__ or "").partition("\n\n")[0].replace("\n", " ")
    yield f"{'    ' * depth}- `{kind.__name__}`: {text}"
    for child in kind.__subclasses__():
        if child.__module__ == errors.__name__:
            yield from _tree(child, depth + 1)
