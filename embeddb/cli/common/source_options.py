"""The options of where documents come from, and the source that they make."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Annotated, Any

import typer

from embeddb.errors import ConfigurationError

if TYPE_CHECKING:
    from embeddb.protocols import Source

STDIN = "-"
FILES = "Files and folders"
ROWS = "Rows"


@dataclass(frozen=True, kw_only=True)
class SourceOptions:
    """Files, folders, stdin, or rows of a database."""

    sources: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="SOURCE",
            help="Files, folders, globs, or `-` for JSON Lines on stdin.",
        ),
    ] = None
    include: Annotated[
        list[str] | None,
        typer.Option(
            "--glob",
            metavar="PATTERN",
            rich_help_panel=FILES,
            help="Of folders: only files that match. May be repeated.",
        ),
    ] = None
    exclude: Annotated[
        list[str] | None,
        typer.Option(
            "--exclude",
            metavar="PATTERN",
            rich_help_panel=FILES,
            help="Of folders: leave out files that match. May be repeated.",
        ),
    ] = None
    id: Annotated[
        str | None,
        typer.Option("--id", metavar="COLUMN", rich_help_panel=ROWS, help="The column of the ids."),
    ] = None
    content: Annotated[
        str | None,
        typer.Option(
            "--content", metavar="COLUMN", rich_help_panel=ROWS, help="The column of the texts."
        ),
    ] = None
    embedding: Annotated[
        str | None,
        typer.Option(
            "--embedding",
            metavar="COLUMN",
            rich_help_panel=ROWS,
            help="The column of vectors of your own.",
        ),
    ] = None
    query: Annotated[
        str | None,
        typer.Option(
            "--query", metavar="SQL", rich_help_panel=ROWS, help="Take the rows of this query."
        ),
    ] = None
    table: Annotated[
        str | None,
        typer.Option(
            "--table", metavar="NAME", rich_help_panel=ROWS, help="Take the rows of this table."
        ),
    ] = None
    database: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="URL",
            rich_help_panel=ROWS,
            help="The server of the query or table. Default: embeddb's own.",
        ),
    ] = None

    def check(self) -> None:
        """Check that the options name one kind of source.

        Raises:
            typer.BadParameter: they name none, or several.
        """
        kinds = [self.sources, self.query, self.table]
        if sum(bool(kind) for kind in kinds) != 1:
            raise typer.BadParameter("Give one of SOURCE..., --query and --table.")

    def open(self, url: str) -> Source:
        """Return the source, or all of them as one.

        Args:
            url: the server that a query goes to unless the options name another.

        Raises:
            ConfigurationError: an option means nothing for a source.
            SourceError: there is no such file, or it cannot be read.
        """
        from embeddb.cli.common.standard_input import Together
        from embeddb.sources import Query

        if rows := self.query or self.table:
            _refuse(self._files(), "a query")
            return Query(self.database or url, rows, **self._columns())
        opened = [self._open(path) for path in self.sources or []]
        return opened[0] if len(opened) == 1 else Together(opened)

    def _open(self, path: str) -> Source:
        from embeddb.cli.common.standard_input import StandardInput
        from embeddb.sources import open_source
        from embeddb.sources.rows import Columns

        if path == STDIN:
            _refuse(self._files(), "stdin")
            return StandardInput(Columns(**self._columns()))
        source = open_source(path)
        options = self._files() | self._columns()
        names = {field.name for field in fields(source)}  # type: ignore[arg-type]
        _refuse({name: value for name, value in options.items() if name not in names}, path)
        return replace(source, **options)  # type: ignore[type-var]

    def _files(self) -> dict[str, Any]:
        return _given({"include": self.include, "exclude": self.exclude})

    def _columns(self) -> dict[str, Any]:
        return _given({"id": self.id, "content": self.content, "embedding": self.embedding})


def _given(options: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in options.items() if value}


def _refuse(options: Mapping[str, Any], what: str) -> None:
    if options:
        listed = ", ".join("--" + ("glob" if name == "include" else name) for name in options)
        raise ConfigurationError(f"{listed} means nothing for {what}: leave it out.")
