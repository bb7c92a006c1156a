"""HTML as Markdown: its headings, lists, tables and code, without what surrounds the text."""

from __future__ import annotations

import re

from embeddb.sources.extras import needs_documents_extra

_NOT_TEXT = ["script", "style", "noscript", "template", "svg", "nav", "iframe", "form"]
_BLANK_LINES = re.compile(r"\n[ \t]*\n(?:[ \t]*\n)+")


def html_text(markup: str | bytes) -> tuple[str, str | None]:
    """Return the text of a page as Markdown, and its title.

    Where the page has a main part, only that is read. Bytes are decoded as the page declares.

    Raises:
        MissingDependencyError: the `documents` extra is not installed.
    """
    with needs_documents_extra("HTML files"):
        import lxml.etree  # noqa: F401
        from bs4 import BeautifulSoup
        from markdownify import MarkdownConverter

    page = BeautifulSoup(markup, "lxml")
    title = " ".join(page.title.get_text().split()) if page.title else None
    for tag in page(_NOT_TEXT):
        tag.decompose()
    root = page.find("main") or page.find(role="main") or page.body or page
    converter = MarkdownConverter(
        heading_style="ATX",
        bullets="-",
        strip=["a", "img"],
        escape_misc=False,
        escape_asterisks=False,
        escape_underscores=False,
    )
    text = converter.convert_soup(root)
    return _BLANK_LINES.sub("\n\n", text).strip(), title or None
