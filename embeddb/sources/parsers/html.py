"""HTML as Markdown: its headings, lists, tables and code, without what surrounds the text."""

from __future__ import annotations

import re
from typing import Any

from embeddb.errors import UnreadableDocumentError
from embeddb.sources.extras import needs_documents_extra
from embeddb.sources.parsers import front_matter
from embeddb.sources.parsers.page import clean, page_title
from embeddb.sources.parsers.parsed import Parsed
from embeddb.sources.parsers.plain import declared_encoding
from embeddb.sources.parsers.titles import markdown_title, short_title

_BLANK_LINES = re.compile(r"\n[ \t]*\n(?:[ \t]*\n)+")
_XML_DECLARATION = re.compile(r"\A\ufeff?\s*<\?xml[^>]*\?>")
_FRONT_MATTER = (b"---", b"\xef\xbb\xbf---", b"+++")

_WITHOUT_TEXT = ("img", "audio", "video", "map")
_WITHOUT_MARKUP = ("a", "span", "font", "abbr", "bdi", "bdo", "cite", "dfn", "label", "time", "u")

# What a browser reads a page in that declares nothing and is not UTF-8.
_UNDECLARED = "windows-1252"


def html_file(data: bytes, encoding: str) -> Parsed:
    """Return the text of a page as Markdown, its title, and its front matter if it has any.

    `encoding` is that of pages that declare none and are not UTF-8.

    Raises:
        UnreadableDocumentError: it is nested too deep.
        MissingDependencyError: the `documents` extra is not installed.
    """
    markup = _decoded(data, encoding)
    page = front_matter.split(markup if data.startswith(_FRONT_MATTER) else "")
    parsed = html_text(page.text or markup)
    title = page.title or parsed.title
    return Parsed(parsed.text, title, page.metadata)


def html_text(markup: str) -> Parsed:
    """Return the text of a page as Markdown, and its title, or else its first heading.

    Raises:
        UnreadableDocumentError: it is nested too deep.
        MissingDependencyError: the `documents` extra is not installed.
    """
    with needs_documents_extra("HTML files"):
        import lxml.etree
        import lxml.html
        from bs4 import BeautifulSoup
        from markdownify import MarkdownConverter

    page = _tree(markup)
    if page is None:
        return Parsed("")
    title = page_title(page)
    root = clean(page)
    # Highlighted code is half a dozen elements a line, and all that follows takes time for each.
    lxml.etree.strip_elements(root, *_WITHOUT_TEXT, with_tail=False)
    lxml.etree.strip_tags(root, *_WITHOUT_MARKUP)
    _escape_cells(root)
    rest = lxml.html.tostring(root, encoding="unicode", with_tail=False)
    converter = MarkdownConverter(
        heading_style="ATX",
        bullets="-",
        escape_misc=False,
        escape_asterisks=False,
        escape_underscores=False,
    )
    text = converter.convert_soup(BeautifulSoup(rest + "\n", "lxml"))
    text = _BLANK_LINES.sub("\n\n", text).strip()
    return Parsed(text, short_title(title) or markdown_title(text))


def _tree(markup: str) -> Any:  # noqa: ANN401
    """Return the root element, or None for a page without any."""
    import lxml.etree
    import lxml.html

    parser = lxml.html.HTMLParser(
        encoding="utf-8", huge_tree=True, remove_comments=True, remove_pis=True
    )
    # libxml2 stops at a zero byte, and Python's surrogates have no UTF-8
    markup = _XML_DECLARATION.sub("", markup).replace("\0", "\ufffd")
    data = markup.encode(errors="replace")
    try:
        root = lxml.etree.fromstring(data, parser=parser) if data.strip() else None
    except lxml.etree.ParserError:
        return None
    if any(error.level_name == "FATAL" for error in parser.error_log):
        # without this the text below would be missing without a word
        raise UnreadableDocumentError(f"the page is cut: {parser.error_log[-1].message}")
    return root


def _escape_cells(root: Any) -> None:  # noqa: ANN401
    """Escape the pipes in tables, which would end a cell in Markdown."""
    for table in root.iter("table"):
        if next(table.iterancestors("table"), None) is not None:
            continue  # it was part of the outer one
        for node in table.iter():
            node.text = node.text and node.text.replace("|", r"\|")
            if node is not table:
                node.tail = node.tail and node.tail.replace("|", r"\|")


def _decoded(data: bytes, encoding: str) -> str:
    """Return the markup of a page: in the encoding that it declares, in UTF-8, or in `encoding`."""
    for used in (declared_encoding(data) or _meta_encoding(data), "utf-8-sig", encoding):
        try:
            return data.decode(used)
        except (UnicodeDecodeError, LookupError):
            continue
    return data.decode(_UNDECLARED, errors="replace")


def _meta_encoding(data: bytes) -> str:
    """Return what a page says of its encoding, as browsers take it."""
    with needs_documents_extra("HTML files"):
        from bs4.dammit import EncodingDetector

    declared = EncodingDetector.find_declared_encoding(data, is_html=True) or "utf-8-sig"
    if declared.lower() in ("iso-8859-1", "latin-1", "latin1", "us-ascii", "ascii"):
        return _UNDECLARED
    # a page whose declaration can be read as ASCII is not in UTF-16
    return "utf-8-sig" if declared.lower().startswith("utf") else declared
