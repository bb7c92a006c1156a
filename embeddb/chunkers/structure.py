"""What a chunker knows of a text before it cuts it."""

from __future__ import annotations

from dataclasses import dataclass, field

from embeddb.chunkers.blocks import Blocks
from embeddb.chunkers.cutting import Borders
from embeddb.chunkers.places import Places


@dataclass(frozen=True, kw_only=True, slots=True)
class Structure:
    """The structure of a text.

    Attributes:
        borders: where it may be cut, the strongest level first.
        places: its sections or definitions.
        blocks: what is not cut where it fits into a chunk.
        asides: spans that are left out, in order.
        is_code: whether `places` are definitions.
    """

    borders: Borders = ()
    places: Places = field(default_factory=Places)
    blocks: Blocks = field(default_factory=Blocks)
    asides: tuple[tuple[int, int], ...] = ()
    is_code: bool = False
