"""OpenDocument as Markdown: texts, sheets and presentations of LibreOffice and others."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from zipfile import ZipFile

from embeddb.errors import EmbedDBError, UnreadableDocumentError
from embeddb.sources.extras import needs_documents_extra
from embeddb.sources.parsers.archive import open_archive, read_xml
from embeddb.sources.parsers.parsed import Parsed, pages
from embeddb.sources.parsers.tables import markdown_table
from embeddb.sources.parsers.titles import markdown_title, short_title

_MANIFEST = "META-INF/manifest.xml"

# Deleted text, comments, forms and what is only declared.
_NOT_TEXT = frozenset(
    [
        "tracked-changes",
        "annotation",
        "annotation-end",
        "forms",
        "sequence-decls",
        "variable-decls",
        "user-field-decls",
        "note-citation",
        "ruby-text",
        "bibliography-source",
        "calculation-settings",
        "content-validations",
        "named-expressions",
        "database-ranges",
    ]
)

# One cell may stand for all that follow it in its row, and one row for the rest of the sheet.
MAX_REPEATS = 100
MAX_SPACES = 100


def opendocument_file(data: bytes) -> Parsed:
    """Return the text of an OpenDocument file as Markdown, form feeds between slides.

    Its title is the first paragraph in the style `Title`, else the first heading.

    Raises:
        UnreadableDocumentError: the bytes are no OpenDocument file, or it needs a password.
        DocumentTooLargeError: it is too large when unpacked.
        MissingDependencyError: the `documents` extra is not installed.
    """
    with needs_documents_extra("OpenDocument files"):
        import lxml.etree  # noqa: F401

    with open_archive(data, "an OpenDocument file") as archive:
        try:
            return _parsed(archive)
        except EmbedDBError:
            raise
        except Exception as error:  # of the zip, the XML, or what is missing
            raise UnreadableDocumentError(f"not an OpenDocument file: {error}") from error


def _parsed(archive: ZipFile) -> Parsed:
    if _MANIFEST in archive.namelist() and b"encryption-data" in archive.read(_MANIFEST):
        raise UnreadableDocumentError("the file needs a password: remove it first")
    root = read_xml(archive, "content.xml")
    body = root.find("{*}body")
    writer = _Writer(_title_styles(root))
    if body.find("{*}spreadsheet") is not None:
        return Parsed(writer.text(body))
    slides = body.findall("{*}presentation/{*}page")
    text = pages([writer.text(slide) for slide in slides]) if slides else writer.text(body)
    return Parsed(text, short_title(writer.title) or markdown_title(text))


def _title_styles(root: Any) -> frozenset[str]:  # noqa: ANN401
    """Return the names of the style `Title` and of those that only refine it."""
    refined = (
        str(_attribute(style, "name"))
        for style in root.iterfind("{*}automatic-styles/{*}style")
        if _attribute(style, "parent-style-name") == "Title"
    )
    return frozenset({"Title", *refined})


class _Writer:
    """Writes elements as Markdown, and keeps the first title that it meets."""

    def __init__(self, title_styles: frozenset[str]) -> None:
        self.title: str | None = None
        self._title_styles = title_styles

    def text(self, element: Any) -> str:  # noqa: ANN401
        return "\n\n".join(block for block in self._blocks(element) if block.strip())

    def _blocks(self, element: Any) -> Iterator[str]:  # noqa: ANN401
        for child in element.iterchildren("{*}*"):
            kind = _local(child)
            if kind in _NOT_TEXT:
                continue
            if kind == "h":
                yield (
                    "#" * min(int(_attribute(child, "outline-level") or 1), 6) + " " + _line(child)
                )
            elif kind == "p":
                yield self._paragraph(child)
            elif kind == "list":
                yield "\n".join(self._items(child, 0))
            elif kind == "table":
                yield self._table(child)
            elif kind == "frame" and _attribute(child, "class") == "title":
                yield self._heading(" ".join(self.text(child).split()), "## ")
            else:
                yield from self._blocks(child)

    def _heading(self, text: str, marks: str) -> str:
        self.title = self.title or text
        return marks + text if text else ""

    def _paragraph(self, element: Any) -> str:  # noqa: ANN401
        text = _inline(element).strip()
        if _attribute(element, "style-name") in self._title_styles:
            text = self._heading(" ".join(text.split()), "# ")
        boxes = (self.text(box) for box in element.iter("{*}text-box"))
        return "\n\n".join(filter(None, (text, *boxes)))

    def _items(self, element: Any, depth: int) -> Iterator[str]:  # noqa: ANN401
        for item in element.iterchildren("{*}list-item", "{*}list-header"):
            for child in item.iterchildren("{*}*"):
                if _local(child) == "list":
                    yield from self._items(child, depth + 1)
                elif text := _line(child):
                    yield "  " * depth + "- " + text

    def _table(self, element: Any) -> str:  # noqa: ANN401
        table = markdown_table(_rows(element))
        name = _attribute(element, "name")
        of_sheet = _local(element.getparent()) == "spreadsheet"
        return f"## {name}\n\n{table}" if table and name and of_sheet else table


def _rows(table: Any) -> Iterator[list[str]]:  # noqa: ANN401
    for row in table.iter("{*}table-row"):
        cells = list(_cells(row))
        for _ in range(_repeats(row, "number-rows-repeated") if any(cells) else 1):
            yield cells


def _cells(row: Any) -> Iterator[str]:  # noqa: ANN401
    for cell in row.iterchildren("{*}table-cell", "{*}covered-table-cell"):
        text = " ".join(filter(None, (_line(part) for part in cell.iter("{*}p", "{*}h"))))
        for _ in range(_repeats(cell, "number-columns-repeated")):
            yield text


def _repeats(element: Any, attribute: str) -> int:  # noqa: ANN401
    return min(int(_attribute(element, attribute) or 1), MAX_REPEATS)


def _line(element: Any) -> str:  # noqa: ANN401
    return " ".join(_inline(element).split())


def _inline(element: Any) -> str:  # noqa: ANN401
    """Return the text of a paragraph, with its white space, which has elements of its own."""
    parts = [element.text or ""]
    for child in element.iterchildren("{*}*"):
        kind = _local(child)
        if kind == "s":
            parts.append(" " * min(int(_attribute(child, "c") or 1), MAX_SPACES))
        elif kind == "tab":
            parts.append("\t")
        elif kind == "line-break":
            parts.append("\n")
        elif kind == "note":
            parts.append(" (" + " ".join(map(_line, child.iter("{*}p"))) + ")")
        elif kind not in _NOT_TEXT and kind != "frame":
            parts.append(_inline(child))
        parts.append(child.tail or "")
    return "".join(parts)


def _local(element: Any) -> str:  # noqa: ANN401
    return str(element.tag).rpartition("}")[2]


def _attribute(element: Any, name: str) -> str | None:  # noqa: ANN401
    """Return an attribute by its name without the namespace, or None."""
    for key, value in element.attrib.items():
        if str(key).rpartition("}")[2] == name:
            return str(value)
    return None
