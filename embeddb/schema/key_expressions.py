"""The rules of `keys` as SQLAlchemy's expressions, for statements that SQLAlchemy compiles."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from embeddb.db.rendering import Expression
from embeddb.schema.attached import KeyColumn
from embeddb.schema.keys import ARRAY, PART, rule_of


def key_text(keys: Sequence[KeyColumn], columns: Sequence[Expression]) -> Expression:
    """Return a key as one text, made of its columns."""
    texts = [
        _Filled(rule_of(key.type).text, column) for key, column in zip(keys, columns, strict=True)
    ]
    return texts[0] if len(texts) == 1 else _Filled(ARRAY, *texts)


def key_value(keys: Sequence[KeyColumn], position: int, id: Expression) -> Expression:
    """Return one column, in its own type, of a key that is given as one text."""
    part = id if len(keys) == 1 else _Filled(PART.replace("{1}", str(position)), id)
    kind = keys[position].type
    return _Filled(rule_of(kind).value.replace("{1}", _braces_doubled(kind)), part)


class _Filled(FunctionElement[Any]):
    """A template of `keys`, its {0} filled with expressions."""

    inherit_cache = True

    def __init__(self, template: str, *arguments: Expression) -> None:
        # a clause too, so that SQLAlchemy's cache of statements tells templates apart
        super().__init__(sa.literal_column(template), *arguments)


@compiles(_Filled)
def _fill(element: _Filled, compiler: SQLCompiler, **options: Any) -> str:  # noqa: ANN401
    options.pop("add_to_result_map", None)  # of the whole, not of the column inside
    template, *arguments = element.clauses
    written = (compiler.process(argument, **options) for argument in arguments)
    return compiler.process(template).format(", ".join(written))


def _braces_doubled(text: str) -> str:
    return text.replace("{", "{{").replace("}", "}}")
