"""From options to a layout, and a layout in words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import typer

from embeddb.cli.common.index_options import usage

if TYPE_CHECKING:
    from embeddb.schema.layouts import Layout

PartitionBy: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--partition-by",
        metavar="FIELD",
        help="A field of the metadata that searches filter by: each reads only its own part.",
    ),
]
Partitions: TypeAlias = Annotated[
    int | None,
    typer.Option("--partitions", help="With --partition-by: partitions of many values each [16]."),
]
PartitionValues: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        "--partition-value",
        metavar="VALUE",
        help="With --partition-by: a value with a partition of its own; may be repeated.",
    ),
]
PartialValues: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        "--partial-value",
        metavar="VALUE",
        help="With --partition-by: a value with an index of its own, in one table with the "
        "others; may be repeated.",
    ),
]


def layout_spec(
    field: str | None,
    *,
    partitions: int | None,
    values: list[str] | None,
    partial: list[str] | None,
) -> Layout | None:
    """Make the layout; options that contradict each other are a usage error, never ignored."""
    from embeddb.schema.layouts import HashPartitions, ListPartitions, PartialIndexes

    options = {
        "--partitions": partitions,
        "--partition-value": values or None,
        "--partial-value": partial or None,
    }
    given = [name for name, value in options.items() if value is not None]
    if field is None:
        if given:
            raise typer.BadParameter("It needs --partition-by FIELD.", param_hint=given[0])
        return None
    if len(given) > 1:
        raise typer.BadParameter("Give one of them.", param_hint=" / ".join(given))
    with usage(given[0] if given else "--partition-by"):
        if values:
            return ListPartitions(field, tuple(values))
        if partial:
            return PartialIndexes(field, tuple(partial))
        return HashPartitions(field) if partitions is None else HashPartitions(field, partitions)


def layout_label(layout: dict[str, Any]) -> str:
    """Write a layout for people."""
    match layout.get("kind"):
        case None:
            return "one table"
        case "hash":
            return f"{layout['partitions']} partitions by {layout['field']}"
        case "list":
            what = "a partition for each of"
        case _:
            what = "an index for each of"
    return f"by {layout['field']}, {what} {', '.join(map(str, layout['values']))}"
