"""The options of how chunks lie in tables, and the layout that they make."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from embeddb.cli.common.failure import usage

if TYPE_CHECKING:
    from embeddb.schema.layouts import Layout

PANEL = "Partitions"


@dataclass(frozen=True, kw_only=True)
class LayoutOptions:
    """How the chunks of a collection lie, by one field that searches filter by."""

    partition_by: Annotated[
        str | None,
        typer.Option(
            "--partition-by",
            metavar="FIELD",
            rich_help_panel=PANEL,
            help="Split the chunks by a metadata field that searches filter by, so that each "
            "search reads only its own part. Of an attached table: a `--metadata` column.",
        ),
    ] = None
    partitions: Annotated[
        int | None,
        typer.Option(
            "--partitions",
            rich_help_panel=PANEL,
            help="With `--partition-by`: into how many partitions to hash the values. Default: 16.",
        ),
    ] = None
    partition_value: Annotated[
        list[str] | None,
        typer.Option(
            "--partition-value",
            metavar="VALUE",
            rich_help_panel=PANEL,
            help="With `--partition-by`: a value that gets a partition of its own. May be "
            "repeated.",
        ),
    ] = None
    partial_value: Annotated[
        list[str] | None,
        typer.Option(
            "--partial-value",
            metavar="VALUE",
            rich_help_panel=PANEL,
            help="With `--partition-by`: a value that gets an index of its own, while all chunks "
            "stay in one table. May be repeated.",
        ),
    ] = None

    def spec(self) -> Layout | None:
        """Return the layout; None: one table.

        Raises:
            typer.BadParameter: the options contradict each other, or a value is wrong.
        """
        from embeddb.schema.layouts import HashPartitions, ListPartitions, PartialIndexes

        field, given = self.partition_by, self._given()
        if field is None:
            if given:
                raise typer.BadParameter("It needs --partition-by FIELD.", param_hint=given[0])
            return None
        if len(given) > 1:
            raise typer.BadParameter("Give only one of them.", param_hint=" / ".join(given))
        with usage(given[0] if given else "--partition-by"):
            if self.partition_value:
                return ListPartitions(field, tuple(self.partition_value))
            if self.partial_value:
                return PartialIndexes(field, tuple(self.partial_value))
            if self.partitions is None:
                return HashPartitions(field)
            return HashPartitions(field, self.partitions)

    def _given(self) -> list[str]:
        options = {
            "--partitions": self.partitions is not None,
            "--partition-value": bool(self.partition_value),
            "--partial-value": bool(self.partial_value),
        }
        return [name for name, is_given in options.items() if is_given]


def layout_label(layout: dict[str, Any]) -> str:
    """Return a layout in words."""
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
