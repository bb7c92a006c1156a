"""A document as one chunk."""

from __future__ import annotations

from dataclasses import dataclass

from embeddb.records import Chunk


@dataclass(frozen=True, slots=True)
class WholeDocument:
    """Does not cut: the document is the chunk, whatever its length."""

    def chunks(self, content: str, media_type: str | None = None) -> list[Chunk]:
        """Return the whole text as one chunk, or nothing where it is blank."""
        if not content.strip():
            return []
        return [Chunk(content=content, start=0, stop=len(content))]
