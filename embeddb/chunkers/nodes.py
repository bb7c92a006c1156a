"""The parts of a program's outline."""

from __future__ import annotations

from dataclasses import dataclass

# What is nested deeper than this is cut by its lines.
MAX_DEPTH = 8


@dataclass(frozen=True, kw_only=True, slots=True)
class Node:
    """A definition or a statement that starts a line, as character offsets.

    Attributes:
        lead: where the comments before it start, which is where what is before it ends.
        start: where its first line starts.
        depth: how deep it is nested; 0 is the outermost.
    """

    lead: int
    start: int
    depth: int
