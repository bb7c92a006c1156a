"""EPUB as Markdown: the pages of the book, in the order in which they are read."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote
from zipfile import ZipFile

from embeddb.errors import EmbedDBError, UnreadableDocumentError
from embeddb.sources.extras import needs_documents_extra
from embeddb.sources.parsers.archive import open_archive, read_xml
from embeddb.sources.parsers.html import html_file
from embeddb.sources.parsers.parsed import Parsed
from embeddb.sources.parsers.titles import short_title

_CONTAINER = "META-INF/container.xml"
_PAGES = frozenset({"application/xhtml+xml", "text/html"})


def epub_file(data: bytes) -> Parsed:
    """Return the text of an e-book as Markdown, its title, and its authors and language.

    Raises:
        UnreadableDocumentError: the bytes are no e-book, or it is protected.
        DocumentTooLargeError: it is too large when unpacked.
        MissingDependencyError: the `documents` extra is not installed.
    """
    with needs_documents_extra("EPUB files"):
        import lxml.etree  # noqa: F401

    with open_archive(data, "an e-book") as archive:
        try:
            return _book(archive)
        except EmbedDBError:
            raise
        except Exception as error:  # of the zip, the XML, or what is missing
            raise UnreadableDocumentError(f"not a readable e-book: {error}") from error


def _book(archive: ZipFile) -> Parsed:
    place = next(read_xml(archive, _CONTAINER).iter("{*}rootfile")).get("full-path")
    package = read_xml(archive, place)
    texts = [html_file(page, "utf-8").text for page in _pages(archive, package, place)]
    authors = [_words(element) for element in package.iter("{*}creator")]
    language = next((_words(element) for element in package.iter("{*}language")), "")
    metadata = {
        **({"author": ", ".join(authors)} if any(authors) else {}),
        **({"language": language} if language else {}),
    }
    title = next((_words(element) for element in package.iter("{*}title")), None)
    return Parsed("\n\n".join(filter(None, texts)), short_title(title), metadata)


def _pages(archive: ZipFile, package: Any, place: str) -> Iterator[bytes]:  # noqa: ANN401
    """Yield the pages of the book, without the table of contents that readers make."""
    items = {item.get("id"): item for item in package.iter("{*}item")}
    there = set(archive.namelist())
    for reference in package.iter("{*}itemref"):
        item = items.get(reference.get("idref"))
        if item is None or item.get("media-type") not in _PAGES:
            continue
        if "nav" in (item.get("properties") or "").split():
            continue
        name = posixpath.join(posixpath.dirname(place), unquote(item.get("href", "")))
        name = posixpath.normpath(name)
        if name not in there:
            raise UnreadableDocumentError(f"the e-book lacks its part {name}")
        yield archive.read(name)


def _words(element: Any) -> str:  # noqa: ANN401
    return " ".join("".join(element.itertext()).split())
