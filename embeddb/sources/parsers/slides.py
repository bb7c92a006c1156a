"""PowerPoint as Markdown: the texts, tables and notes of its slides."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

from embeddb.errors import UnreadableDocumentError
from embeddb.sources.extras import needs_documents_extra
from embeddb.sources.parsers.archive import open_archive
from embeddb.sources.parsers.parsed import Parsed, pages
from embeddb.sources.parsers.tables import markdown_table
from embeddb.sources.parsers.titles import short_title

MAX_GROUP_DEPTH = 50


def pptx_file(data: bytes) -> Parsed:
    """Return the text of a presentation as Markdown, form feeds between its slides.

    Its title is that of the first slide that has one.

    Raises:
        UnreadableDocumentError: the bytes are no presentation.
        DocumentTooLargeError: it is too large when unpacked.
        MissingDependencyError: the `documents` extra is not installed.
    """
    with needs_documents_extra("PowerPoint files"):
        import pptx

    with open_archive(data, "a PowerPoint file"):
        pass
    try:
        slides = list(pptx.Presentation(io.BytesIO(data)).slides)
    except Exception as error:  # of the zip, the XML, or what is missing
        raise UnreadableDocumentError(f"not a PowerPoint file: {error}") from error
    titles = (_title(slide) for slide in slides)
    return Parsed(pages([_slide(slide) for slide in slides]), next(filter(None, titles), None))


def _title(slide: Any) -> str | None:  # noqa: ANN401
    shape = slide.shapes.title
    return short_title(shape.text_frame.text) if shape is not None else None


def _slide(slide: Any) -> str:  # noqa: ANN401
    title = _title(slide)
    blocks = [f"## {title}"] if title else []
    heading = slide.shapes.title
    own = None if heading is None else heading.shape_id
    blocks += [text for shape in slide.shapes if shape.shape_id != own for text in _texts(shape, 0)]
    if slide.has_notes_slide and (notes := slide.notes_slide.notes_text_frame) is not None:
        blocks.append(_paragraphs(notes))
    return "\n\n".join(block for block in blocks if block.strip())


def _texts(shape: Any, depth: int) -> Iterator[str]:  # noqa: ANN401
    """Yield the texts of a shape: of its parts, if it is a group of shapes."""
    if hasattr(shape, "shapes"):
        if depth < MAX_GROUP_DEPTH:
            for part in shape.shapes:
                yield from _texts(part, depth + 1)
    elif getattr(shape, "has_table", False) and shape.has_table:
        yield markdown_table([cell.text for cell in row.cells] for row in shape.table.rows)
    elif shape.has_text_frame:
        yield _paragraphs(shape.text_frame)


def _paragraphs(frame: Any) -> str:  # noqa: ANN401
    """Return the paragraphs of a frame: a list, where there are several or they are indented."""
    lines = [(part.level, " ".join(part.text.split())) for part in frame.paragraphs]
    lines = [(level, text) for level, text in lines if text]
    if len(lines) == 1:
        return lines[0][1]
    return "\n".join("  " * level + "- " + text for level, text in lines)
