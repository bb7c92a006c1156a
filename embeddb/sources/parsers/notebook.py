"""Jupyter notebooks as Markdown: their texts and their code, without what running it showed."""

from __future__ import annotations

import json
from typing import Any

from embeddb.errors import UnreadableDocumentError
from embeddb.sources.parsers.parsed import Parsed
from embeddb.sources.parsers.plain import decode
from embeddb.sources.parsers.titles import markdown_title

_FENCE = "```"


def notebook_file(data: bytes) -> Parsed:
    """Return the cells of a notebook as Markdown, and its first heading.

    Raises:
        UnreadableDocumentError: the bytes are no notebook.
    """
    try:
        notebook = json.loads(decode(data, "utf-8"))
        cells = _cells(notebook)
    except (ValueError, RecursionError, KeyError, TypeError, AttributeError) as error:
        raise UnreadableDocumentError(f"not a notebook: {error}") from error
    language = _language(notebook)
    text = "\n\n".join(filter(None, (_cell(cell, language) for cell in cells)))
    return Parsed(text, markdown_title(text))


def _cells(notebook: Any) -> list[Any]:  # noqa: ANN401
    """Return the cells: on one level, or in worksheets, as notebooks before 2014 had them."""
    if "cells" in notebook:
        return list(notebook["cells"])
    return [cell for sheet in notebook["worksheets"] for cell in sheet["cells"]]


def _language(notebook: Any) -> str:  # noqa: ANN401
    said = notebook.get("metadata") or {}
    for key in ("language_info", "kernelspec"):
        found = said.get(key) or {}
        name = found.get("name") if key == "language_info" else found.get("language")
        if isinstance(name, str) and name:
            return name
    return "python"


def _cell(cell: Any, language: str) -> str:  # noqa: ANN401
    source = cell.get("source", cell.get("input", ""))
    text = source if isinstance(source, str) else "".join(map(str, source))
    text = text.strip("\n")
    if not text.strip():
        return ""
    if cell.get("cell_type") == "code":
        fence = _FENCE
        while fence in text:
            fence += "`"
        return f"{fence}{language}\n{text}\n{fence}"
    if cell.get("cell_type") == "heading":
        return "#" * int(cell.get("level", 1)) + " " + text
    return text
