"""Prose, cut between paragraphs, else between sentences."""

from __future__ import annotations

from embeddb.chunkers.asides import asides
from embeddb.chunkers.cutting import Borders
from embeddb.chunkers.located import CuttingChunker
from embeddb.chunkers.structure import Structure


class TextChunker(CuttingChunker):
    """Cuts text at paragraphs, sentences, lines, words and, if it must, inside a word.

    Without a tokenizer a token is taken to be three bytes of UTF-8.
    """

    def borders(self, content: str, media_type: str | None) -> Borders:
        """Return none: prose is cut by its paragraphs and sentences."""
        return ()

    def structure(self, content: str, media_type: str | None) -> Structure:
        """Return what is left out of the text."""
        return Structure(asides=asides(content))
