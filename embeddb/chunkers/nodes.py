"""The parts of a program's outline."""

from __future__ import annotations

from dataclasses import dataclass

# What is nested deeper than this is cut by its lines.
MAX_DEPTH = 8

# A signature of more characters is cut off.
MAX_SIGNATURE = 200


@dataclass(frozen=True, kw_only=True, slots=True)
class Node:
    """A definition or a statement that starts a line, as character offsets.

    Attributes:
        lead: where the comments before it start, which is where what is before it ends.
        start: where its first line starts.
        depth: how deep it is nested; 0 is the outermost.
        stop: where it ends; known of what has a name.
        name: of a definition; empty where it has none.
        signature: its first line or lines, without its body.
    """

    lead: int
    start: int
    depth: int
    stop: int = 0
    name: str = ""
    signature: str = ""


def short_signature(text: str) -> str:
    """Return a signature on one line, without what opens its body."""
    return " ".join(text.split())[:MAX_SIGNATURE].rstrip(" :{")
