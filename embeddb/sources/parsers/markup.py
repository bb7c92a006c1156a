"""Markdown and other text with front matter."""

from __future__ import annotations

from embeddb.sources.parsers import front_matter
from embeddb.sources.parsers.parsed import Parsed
from embeddb.sources.parsers.plain import decode
from embeddb.sources.parsers.titles import markdown_title


def markdown_file(data: bytes, encoding: str) -> Parsed:
    """Return the text of a Markdown file; its front matter becomes metadata.

    Raises:
        UnreadableDocumentError: the file is in another encoding.
    """
    page = front_matter.split(decode(data, encoding))
    title = page.title or markdown_title(page.text[page.start :])
    return Parsed(page.text, title, page.metadata)
