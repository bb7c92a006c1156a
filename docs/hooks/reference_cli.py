"""The reference of the command line, from the commands themselves."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any

from typer.main import get_command

from embeddb.cli.app import app

_EVERYWHERE = ("--dsn", "--schema", "--json")


def markdown() -> str:
    """Return a section for each command, in the order in which `embeddb --help` lists them."""
    root = get_command(app)
    return "\n\n".join(_sections(root, root.context_class(root, info_name="embeddb"), 2))


def _sections(group: Any, context: Any, level: int) -> Iterator[str]:  # noqa: ANN401
    for name, command in group.commands.items():
        inner = command.context_class(command, info_name=name, parent=context)
        yield f"{'#' * level} {inner.command_path}"
        yield inspect.cleandoc(command.help or "")
        if hasattr(command, "commands"):
            yield from _sections(command, inner, level + 1)
        else:
            yield from _command(command, inner)


def _command(command: Any, context: Any) -> Iterator[str]:  # noqa: ANN401
    yield f"```text\n{command.get_usage(context).removeprefix('Usage: ')}\n```"
    records = [
        parameter.get_help_record(context)
        for parameter in command.params
        if not set(_EVERYWHERE) & set(parameter.opts)
    ]
    rows = [_row(*record) for record in records if record]
    if rows:
        yield "\n".join(["| argument or option | meaning |", "| --- | --- |", *rows])
    shared = [f"`{name}`" for name in _EVERYWHERE if any(name in p.opts for p in command.params)]
    if shared:
        yield f"It also takes {', '.join(shared)}."


def _row(names: str, text: str) -> str:
    names = names.replace("|", r"\|")
    text = text.replace("  [", " [").replace("|", r"\|").replace("<", "&lt;")
    return f"| `{names}` | {text} |"
