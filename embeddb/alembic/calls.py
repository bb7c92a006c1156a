"""Calls of operations as Python code that people can read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from alembic.autogenerate.api import AutogenContext


WIDTH = 88
"""Columns that a call may have on one line, the revision's indentation left out."""


def call(
    context: AutogenContext,
    name: str,
    arguments: Sequence[object],
    named: Mapping[str, object],
) -> str:
    """Return a call of an operation: on one line if it fits, else with one for each argument.

    Named arguments that are None are left out.
    """
    prefix = context.opts.get("alembic_module_prefix") or ""
    parts = [repr(argument) for argument in arguments]
    parts += [f"{key}={value!r}" for key, value in named.items() if value is not None]
    head = f"{prefix}{name}("
    line = head + ", ".join(parts) + ")"
    if len(line) <= WIDTH:
        return line
    return head + "\n" + "".join(f"    {part},\n" for part in parts) + ")"


class Text:
    """A SQL expression, written as `sa.text(…)`."""

    def __init__(self, context: AutogenContext, text: str) -> None:
        self._prefix = context.opts.get("sqlalchemy_module_prefix") or ""
        self._text = text

    def __repr__(self) -> str:
        return f"{self._prefix}text({self._text!r})"
