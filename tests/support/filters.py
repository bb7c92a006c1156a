"""The filter language a second time, in Python, written from its description alone."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterable
from typing import Any

_COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "$eq": operator.eq,
    "$lt": operator.lt,
    "$lte": operator.le,
    "$gt": operator.gt,
    "$gte": operator.ge,
}


def passes(wanted: dict[str, Any], document: dict[str, Any]) -> bool:
    """Return whether a document passes a filter."""
    return all(_passes(key, value, document) for key, value in wanted.items())


def field(*parts: str) -> str:
    """Name a field by the keys that lead to it."""
    return ".".join(part.replace(".", r"\.") for part in parts)


def _passes(key: str, value: Any, document: dict[str, Any]) -> bool:  # noqa: ANN401
    if key == "$and":
        return all(passes(part, document) for part in value)
    if key == "$or":
        return any(passes(part, document) for part in value)
    if key == "$not":
        return not passes(value, document)
    found = _reach(document, [part.replace(r"\.", ".") for part in re.split(r"(?<!\\)\.", key)])
    operators = value if isinstance(value, dict) else {"$eq": value}
    return all(_holds(name, operand, found) for name, operand in operators.items())


def _reach(document: dict[str, Any], parts: list[str]) -> list[Any]:
    """Follow keys; an array on the way stands for its elements."""
    items: list[Any] = [document]
    for part in parts:
        items = [
            candidate[part]
            for item in items
            for candidate in (item if isinstance(item, list) else [item])
            if isinstance(candidate, dict) and part in candidate
        ]
    return items


def _elements(items: Iterable[Any]) -> list[Any]:
    return [part for item in items for part in (item if isinstance(item, list) else [item])]


def _holds(name: str, operand: Any, found: list[Any]) -> bool:  # noqa: ANN401
    elements = _elements(found)
    match name:
        case "$exists":
            return bool(found) is operand
        case "$ne":
            return not _holds("$eq", operand, found)
        case "$in":
            return any(_holds("$eq", item, found) for item in operand)
        case "$nin":
            return not _holds("$in", operand, found)
        case "$contains":
            items = operand if isinstance(operand, list) else [operand]
            return all(_holds("$eq", item, found) for item in items)
        case "$between":
            low, high = operand
            return any(
                _compare("$gte", element, low) and _compare("$lte", element, high)
                for element in elements
            )
    return any(_compare(name, element, operand) for element in elements)


def _compare(name: str, left: Any, right: Any) -> bool:  # noqa: ANN401
    if name in ("$like", "$ilike"):
        fold = str.lower if name == "$ilike" else str
        return isinstance(left, str) and _like(fold(right), fold(left))
    if _kind(left) != _kind(right) or _kind(left) == "other":
        return False
    return left is right is None or _COMPARISONS[name](left, right)


def _kind(value: object) -> str:
    if value is None or isinstance(value, bool):
        return type(value).__name__
    if isinstance(value, int | float):
        return "number"
    return "text" if isinstance(value, str) else "other"


def _like(pattern: str, text: str) -> bool:
    """Match `%` and `_` by the textbook's table of prefixes."""
    reachable = {0}
    for wanted in pattern:
        if wanted == "%":
            reachable = set(range(min(reachable), len(text) + 1)) if reachable else set()
        else:
            reachable = {
                place + 1
                for place in reachable
                if place < len(text) and wanted in ("_", text[place])
            }
    return len(text) in reachable
