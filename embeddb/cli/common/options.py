"""Single options and arguments that several commands share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, TypeAlias

import typer

from embeddb.cli.common.completion import collection_names

Name: TypeAlias = Annotated[
    str,
    typer.Argument(
        metavar="COLLECTION",
        help="The collection's name.",
        show_default=False,
        autocompletion=collection_names,
    ),
]
Yes: TypeAlias = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask for confirmation.")]
Limit: TypeAlias = Annotated[int, typer.Option("--limit", "-n", min=1, help="How many to return.")]
Filter: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--filter",
        metavar="JSON",
        help='Only documents whose metadata match, for example `{"year": {"$gte": 2020}}`. '
        "`@FILE` reads the filter from a file.",
    ),
]
DryRun: TypeAlias = Annotated[
    bool, typer.Option("--dry-run", help="Show what would be done, and change nothing.")
]


@dataclass(frozen=True, kw_only=True)
class Sampling:
    """How a recall is measured."""

    limit: Annotated[
        int, typer.Option("--limit", "-n", min=1, help="Measure the recall of this many hits.")
    ] = 10
    sample: Annotated[
        int, typer.Option("--sample", min=1, help="How many stored vectors to use as queries.")
    ] = 200


def confirm(question: str, *, yes: bool) -> None:
    """Ask before something is destroyed; without a yes the command ends here, with exit code 1."""
    if not yes:
        typer.confirm(question, abort=True, err=True)
