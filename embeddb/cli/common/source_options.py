"""The options of where documents come from, and the source that they make."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from inspect import signature
from typing import TYPE_CHECKING, Annotated, Any

import typer

from embeddb.errors import ConfigurationError

if TYPE_CHECKING:
    from embeddb.protocols import Source

STDIN = "-"
FILES = "Files and folders"
ROWS = "Rows"


class InputFormat(StrEnum):
    """How rows on stdin are written."""

    JSONL = "jsonl"
    CSV = "csv"
    TSV = "tsv"


@dataclass(frozen=True, kw_only=True)
class SourceOptions:
    """Files, folders, stdin, or rows of a database."""

    sources: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="SOURCE",
            help="Files, folders, globs, web pages, or `-` for JSON Lines or CSV on stdin.",
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
    allow: Annotated[
        list[str] | None,
        typer.Option(
            "--allow-host",
            metavar="HOST",
            rich_help_panel=FILES,
            help="Of http:// and https:// sources: a host that they may be read from, such as "
            "docs.example.org or *.example.org. May be repeated.",
        ),
    ] = None
    source_name: Annotated[
        str | None,
        typer.Option(
            "--source",
            metavar="NAME",
            help="What the source is called. What has one name is one source. "
            "Default: each folder, file, table and query is one.",
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
    delimiter: Annotated[
        str | None,
        typer.Option(
            "--delimiter",
            metavar="CHARACTER",
            rich_help_panel=ROWS,
            help="Of CSV: what separates fields; `tab` for a tab. Default: what the header shows.",
        ),
    ] = None
    quote: Annotated[
        str | None,
        typer.Option(
            "--quote",
            metavar="CHARACTER",
            rich_help_panel=ROWS,
            help='Of CSV: what surrounds fields, or `none`. Default: `"`; `none` for TSV.',
        ),
    ] = None
    types: Annotated[
        list[str] | None,
        typer.Option(
            "--types",
            metavar="COLUMN=TYPE,...",
            rich_help_panel=ROWS,
            help="Of CSV: int, float, bool, date, datetime or text. Default: what fits all values.",
        ),
    ] = None
    encoding: Annotated[
        str | None,
        typer.Option(
            "--encoding",
            metavar="NAME",
            help="The encoding of texts without a byte order mark. Default: utf-8.",
        ),
    ] = None
    format: Annotated[
        InputFormat | None,
        typer.Option(
            "--format",
            rich_help_panel=ROWS,
            help="Of stdin. Default: jsonl; csv with --delimiter, --quote or --types.",
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

    def open(self, url: str) -> list[Source]:
        """Return the sources: one where they have one name.

        Args:
            url: the server that a query goes to unless the options name another.

        Raises:
            ConfigurationError: an option means nothing for a source.
            SourceError: there is no such file, or it cannot be read.
        """
        from embeddb.sources import Query
        from embeddb.sources.opening import together

        if rows := self.query or self.table:
            _refuse(
                self._files() | self._delimited() | self._encoding() | self._format(), "a query"
            )
            return [Query(self.database or url, rows, **self._columns())]
        opened = [self._open(path) for path in self.sources or []]
        return [together(opened)] if self.source_name and opened else opened

    def _open(self, path: str) -> Source:
        from embeddb.sources.opening import at_path, together

        if path == STDIN:
            return self._standard_input()
        if path.lower().startswith(("http://", "https://")) and self.allow:
            return self._url(path)
        given = self._files() | self._columns() | self._delimited() | self._encoding()
        opened = []
        for kind, found in at_path(path):
            known = signature(kind).parameters
            unknown = {name: value for name, value in given.items() if name not in known}
            _refuse(unknown | self._format(), str(found))
            opened.append(kind(found, **given))
        return together(opened, path)

    def _url(self, url: str) -> Source:
        from embeddb.sources import URLs

        unused = self._files() | self._columns() | self._delimited()
        _refuse(unused | self._encoding() | self._format(), url)
        return URLs([url], allow=self.allow or ())

    def _standard_input(self) -> Source:
        from embeddb.cli.common.standard_input import NAME, DelimitedInput, JSONInput
        from embeddb.sources.csv import DelimitedReader
        from embeddb.sources.delimited import Dialect
        from embeddb.sources.rows import Columns

        _refuse(self._files(), NAME)
        columns = Columns(**self._columns())
        options = self._delimited()
        used = self.format or (InputFormat.CSV if options else InputFormat.JSONL)
        if used is InputFormat.JSONL:
            _refuse(options, "JSON Lines")
            return JSONInput(columns, **self._encoding())
        types = options.pop("types", {})
        dialect = (Dialect.tabbed if used is InputFormat.TSV else Dialect.of)(**options)
        return DelimitedInput(
            DelimitedReader(NAME, columns, dialect, types=types, **self._encoding())
        )

    def _files(self) -> dict[str, Any]:
        return _given({"include": self.include, "exclude": self.exclude})

    def _columns(self) -> dict[str, Any]:
        return _given({"id": self.id, "content": self.content, "embedding": self.embedding})

    def _delimited(self) -> dict[str, Any]:
        delimiter = "\t" if self.delimiter in ("tab", "\\t") else self.delimiter
        types = _types(self.types or [])
        return _given({"delimiter": delimiter, "quote": self.quote, "types": types})

    def _encoding(self) -> dict[str, Any]:
        return _given({"encoding": self.encoding})

    def _format(self) -> dict[str, Any]:
        return _given({"format": self.format})


def _types(given: Sequence[str]) -> dict[str, str]:
    """Return the types of columns from texts such as `year=int,zip=text`."""
    types = {}
    for part in ",".join(given).split(",") if given else ():
        name, equals, kind = part.rpartition("=")
        if not equals or not name:
            raise typer.BadParameter(
                f"{part!r} is not COLUMN=TYPE, such as year=int.", param_hint="--types"
            )
        types[name.strip()] = kind.strip()
    return types


def _given(options: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in options.items() if value}


def _refuse(options: Mapping[str, Any], what: str) -> None:
    if options:
        listed = ", ".join("--" + ("glob" if name == "include" else name) for name in options)
        raise ConfigurationError(f"{listed} means nothing for {what}: leave it out.")
