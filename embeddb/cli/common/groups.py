"""Groups of options: a dataclass that stands for its fields in the signature of a command.

Typer reads the options of a command from the signature of its function, one parameter an option,
and has no way for several commands to share some. Here a frozen dataclass holds the options, and a
command has a parameter of that class::

    @app.command()
    @with_groups
    def drop(name: Name, *, yes: Yes = False, ctx: CommandContext) -> None: ...

Typer is given the signature with every such parameter replaced by the fields of its class, and the
command is called with an instance that is made of their values.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass
from typing import Any, get_type_hints


def with_groups(command: Callable[..., None]) -> Callable[..., None]:
    """Return the command as Typer takes it, its groups spread out into options."""
    hints = get_type_hints(command, include_extras=True)
    groups: dict[str, type[Any]] = {
        name: hint for name, hint in hints.items() if isinstance(hint, type) and is_dataclass(hint)
    }

    @functools.wraps(command)
    def run(**values: Any) -> None:  # noqa: ANN401
        for name, group in groups.items():
            own = {field.name: values.pop(field.name) for field in fields(group)}
            values[name] = group(**own)
        command(**values)

    del run.__dict__["__wrapped__"]  # or Typer would read the signature of the command itself
    parameters = list(_parameters(command, hints, groups))
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    vars(run)["__signature__"] = inspect.Signature(parameters)
    return run


def _parameters(
    command: Callable[..., None], hints: dict[str, Any], groups: dict[str, type[Any]]
) -> Iterator[inspect.Parameter]:
    for parameter in inspect.signature(command).parameters.values():
        if (group := groups.get(parameter.name)) is None:
            yield _keyword(parameter.name, parameter.default, hints[parameter.name])
            continue
        own = get_type_hints(group, include_extras=True)
        for name, field in inspect.signature(group).parameters.items():
            yield _keyword(name, field.default, own[name])


def _keyword(name: str, default: object, annotation: object) -> inspect.Parameter:
    kind = inspect.Parameter.KEYWORD_ONLY  # a default may come before a value that is required
    return inspect.Parameter(name, kind, default=default, annotation=annotation)
