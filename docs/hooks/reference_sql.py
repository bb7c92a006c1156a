"""The reference of SQL functions and views, from the files that create them."""

from __future__ import annotations

import re
from pathlib import Path

from psycopg import sql

from embeddb.repository.collections.search_functions import search_arguments

FILES = Path(__file__).parents[2] / "sql"
HEAD = re.compile(
    r"(?P<comment>(?:--.*\n)+)CREATE OR REPLACE (?:FUNCTION|PROCEDURE|VIEW) "
    r"(?P<signature>.+?)(?:\nLANGUAGE| AS\n|\nRETURNS trigger)",
    re.DOTALL,
)


def markdown() -> str:
    """Return the functions of a collection, those of every collection, and what those call."""
    functions = {path.stem: path for path in sorted((FILES / "functions").glob("*.sql"))}
    views = sorted((FILES / "views").glob("*.sql"))
    templates = FILES / "templates"
    by_text = templates / "search_text_function.sql"
    by_vector = templates / "search_function.sql"
    vector = search_arguments(sql.SQL("_query vector"), True).as_string(None)
    document = search_arguments(sql.SQL("_id text"), False).as_string(None)
    return "\n\n".join(
        (
            "## Functions of a collection",
            _section("&lt;collection&gt;_search, by a text", by_text, "<collection>_search"),
            _section(
                "&lt;collection&gt;_search, by a vector",
                by_vector,
                "<collection>_search",
                vector,
                _comment(templates / "search_by_vector.sql"),
            ),
            _section(
                "&lt;collection&gt;_similar",
                by_vector,
                "<collection>_similar",
                document,
                _comment(templates / "search_by_document.sql"),
            ),
            "## Functions for every collection",
            _section("search, by a text", functions.pop("search_text")),
            _section("search, by a vector", functions.pop("search")),
            _section("encode", functions.pop("encode")),
            _section("filter_path", functions.pop("filter_path")),
            _section("filter_part", functions.pop("filter_part")),
            "## Views",
            *(_section(path.stem, path) for path in views),
            "## What these functions call",
            "These functions are embeddb's own. They may change with any version.",
            "\n".join(f"- `{name}`: {_first(path)}" for name, path in functions.items()),
        )
    )


def _section(title: str, path: Path, name: str = "", arguments: str = "", also: str = "") -> str:
    comment, signature = _head(path)
    comment = f"{comment}\n\n{also}".rstrip()
    for slot, value in (
        ("{function}", f"embeddb.{name}"),
        ("{arguments}", arguments),
        ("{schema}", "embeddb"),
        ("{vector}", "vector"),
        ("{key}", "id text"),
    ):
        signature = signature.replace(slot, value)
    return f"### {title}\n\n{comment}\n\n```postgresql\n{signature}\n```"


def _first(path: Path) -> str:
    return re.split(r"[.:;]\s", _head(path)[0] + " ")[0].replace("\n", " ") + "."


def _head(path: Path) -> tuple[str, str]:
    found = HEAD.search(path.read_text("utf-8"))
    if found is None:
        raise ValueError(f"{path} does not begin with a comment and a CREATE statement")
    return _comment(path), found["signature"]


def _comment(path: Path) -> str:
    """Return the comment that a file begins with."""
    lines = []
    for line in path.read_text("utf-8").splitlines():
        if not line.startswith("--"):
            break
        lines.append(line.removeprefix("--").removeprefix(" "))
    return "\n".join(lines).replace("{{", "{").replace("}}", "}")
