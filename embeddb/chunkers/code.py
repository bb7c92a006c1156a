"""Source code, cut between definitions."""

from __future__ import annotations

from embeddb.chunkers.cutting import CODE, Borders
from embeddb.chunkers.languages import language_of
from embeddb.chunkers.located import CuttingChunker
from embeddb.chunkers.outline import definition_borders, definitions, outline
from embeddb.chunkers.places import Places
from embeddb.chunkers.structure import Structure


class CodeChunker(CuttingChunker):
    """Cuts code before definitions; one that fits into a chunk is never cut.

    Python is read with `ast`. Other languages need the `code` extra; without it, and for
    code that cannot be parsed, a definition is taken to start at an unindented line after a
    blank one.
    """

    patterns = CODE
    keep_indent = True

    def borders(self, content: str, media_type: str | None) -> Borders:
        """Return where definitions start, the outermost first."""
        return definition_borders(content, outline(content, language_of(media_type)))

    def structure(self, content: str, media_type: str | None) -> Structure:
        """Return the definitions of a program in the language of `media_type`."""
        nodes = outline(content, language_of(media_type))
        return Structure(
            borders=definition_borders(content, nodes),
            places=Places(definitions(nodes or ())),
            is_code=True,
        )
