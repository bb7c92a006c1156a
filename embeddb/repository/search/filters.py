"""Filters as callers give them: what may be one, and the JSON that the statement is passed."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence, Set
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from psycopg.types.json import Jsonb
from sqlalchemy.sql import coercions, roles

from embeddb.db.json_values import jsonable
from embeddb.db.rendering import Expression
from embeddb.errors import FilterError

EXAMPLE = '{"year": {"$gte": 2020}}'

_NUL = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")
"""A NUL as JSON spells it, and not a backslash followed by `u0000`."""


def checked_filter(filter: object) -> dict[str, Any] | Expression | None:
    """Return a filter as a dict or an expression; None where there is none.

    Raises:
        FilterError: it is something else, such as a text of SQL.
    """
    if filter is None or isinstance(filter, dict):
        return filter
    if isinstance(filter, Mapping):
        return dict(filter)
    if not isinstance(filter, bool | str):
        try:
            condition: Expression = coercions.expect(roles.WhereHavingRole, filter)
        except sa.exc.ArgumentError:
            pass
        else:
            return condition
    raise FilterError(
        f"A filter is a dict such as {EXAMPLE}, or an expression such as "
        f'collection.columns.uri.like("https:%"), not {_shortened(repr(filter))}.'
    )


def filter_json(filter: Mapping[str, Any]) -> Jsonb:
    """Return a filter as JSON, its values in the form in which metadata holds them.

    Raises:
        FilterError: a value has no such form.
    """
    text = filter_text(filter)
    # SQLAlchemy writes the object itself where it sends the statement
    return Jsonb(json.loads(text), dumps=lambda _: text)


def filter_text(filter: Mapping[str, Any]) -> str:
    """Return the JSON text of a filter.

    Raises:
        FilterError: it is no dict, a value cannot be written as JSON, or jsonb cannot hold it.
    """
    if not isinstance(filter, Mapping):
        raise FilterError(f"A filter is a dict such as {EXAMPLE}, not {_shortened(repr(filter))}.")
    try:
        text = _plain(filter)
        text.encode()
    except RecursionError as error:
        raise FilterError(
            "The filter is nested too deep: combine its parts side by side, not one in the other."
        ) from error
    except (TypeError, ValueError) as error:
        raise FilterError(
            f"The filter is not JSON: {error}. Use strings, finite numbers, booleans, None, dates, "
            "UUIDs, lists and objects."
        ) from error
    if _NUL.search(text):
        raise FilterError("The filter holds a NUL character, which no metadata can hold.")
    return text


def lets_all_pass(filter: dict[str, Any] | Expression | None) -> bool:
    """Return whether every document passes a filter, as can be seen of it without looking at one.

    Such are an empty filter, several of them combined, and `$nin` or `$contains` of an empty list.
    """
    if isinstance(filter, Mapping):
        return _always(filter) is True
    return filter is None or isinstance(filter, sa.True_)


def _plain(filter: Mapping[str, Any]) -> str:
    try:
        return json.dumps(filter, allow_nan=False, ensure_ascii=False)
    except TypeError:  # it holds what JSON has no form of its own for
        return _written(filter)


def _written(value: object) -> str:
    if isinstance(value, Mapping):
        items = (f"{_scalar(str(key))}: {_written(item)}" for key, item in value.items())
        return "{" + ", ".join(items) + "}"
    if isinstance(value, Decimal) and value.is_finite():
        return str(value)  # exactly, as jsonb compares numbers
    if value is None or isinstance(value, str | int | float):
        return _scalar(value)
    is_binary = isinstance(value, bytes | bytearray | memoryview)
    if isinstance(value, Sequence | Set) and not is_binary:
        return "[" + ", ".join(map(_written, value)) + "]"
    plain = value.tolist() if hasattr(value, "tolist") else value if is_binary else jsonable(value)
    if is_binary or plain is value:
        raise TypeError(f"{_shortened(repr(value))} is of type {type(value).__name__}")
    return _written(plain)


def _scalar(value: object) -> str:
    return json.dumps(value, allow_nan=False, ensure_ascii=False)


def _always(filter: Mapping[str, Any]) -> bool | None:
    """Return whether every document passes; None where it depends on the document."""
    known = [_part(key, value) for key, value in filter.items()]
    return _all(known)


def _part(key: str, value: Any) -> bool | None:  # noqa: ANN401
    match key, value:
        case "$not", Mapping():
            inner = _always(value)
            return None if inner is None else not inner
        case (("$and" | "$or"), list() | tuple()):
            known = [_always(part) if isinstance(part, Mapping) else None for part in value]
            if key == "$and":
                return _all(known)
            inner = _all([None if part is None else not part for part in known])
            return None if inner is None else not inner
        case _, Mapping() if value:
            return _all([_operator(name, operand) for name, operand in value.items()])
    return None


def _operator(name: str, operand: Any) -> bool | None:  # noqa: ANN401
    empty = isinstance(operand, Sequence | Set) and not isinstance(operand, str) and not operand
    return {"$in": False, "$nin": True, "$contains": True}.get(name) if empty else None


def _all(known: Sequence[bool | None]) -> bool | None:
    if False in known:
        return False
    return None if None in known else True


def _shortened(text: str) -> str:
    return text if len(text) <= 80 else text[:79] + "…"
