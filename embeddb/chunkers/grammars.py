"""Outlines of programs by tree-sitter grammars, which the `code` extra installs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from embeddb.chunkers.languages import GRAMMARS
from embeddb.chunkers.nodes import MAX_DEPTH, Node

if TYPE_CHECKING:
    import tree_sitter

# Nodes that belong to the definition after them.
_LEADING = frozenset({"attribute_item", "decorator", "annotation", "php_tag"})

_FUNCTION = re.compile("function|method|constructor|lambda|closure")
_DEFINITION = re.compile(_FUNCTION.pattern + "|class|struct|enum|trait|impl|interface|module")


def grammar_nodes(content: str, language: str) -> list[Node] | None:
    """Return the definitions of a program, or None if no grammar for it is installed."""
    grammar = _grammar(language)
    if grammar is None:
        return None
    from tree_sitter import Parser

    data = content.encode()
    tree = Parser(grammar).parse(data)
    return list(_Outline(data, _character_offsets(data)).nodes(tree.root_node))


@cache
def _grammar(language: str) -> tree_sitter.Language | None:
    found = GRAMMARS.get(language)
    if found is None:
        return None
    try:
        from tree_sitter import Language

        return Language(getattr(import_module(found.module), found.function)())
    except ImportError:
        return None


def _character_offsets(data: bytes) -> NDArray[np.int64]:
    """Return the character offset of every byte offset, the end included."""
    units = np.frombuffer(data, dtype=np.uint8)
    firsts = (units & 0xC0) != 0x80
    return np.concatenate((np.cumsum(firsts) - firsts, [np.count_nonzero(firsts)]))


@dataclass(frozen=True, slots=True)
class _Outline:
    data: bytes
    offsets: NDArray[np.int64]

    def nodes(
        self, parent: tree_sitter.Node, depth: int = 0, *, inside: bool = False
    ) -> Iterator[Node]:
        """Yield what starts a line; `inside` a function only next to a definition."""
        lead = 0 if depth == 0 else None
        after_definition = False
        for child in parent.named_children:
            start = self._line_start(child.start_byte)
            if "comment" in child.type or child.type in _LEADING:
                lead = start if lead is None else lead
                continue
            definition = _DEFINITION.search(child.type) is not None
            if start is not None and (definition or after_definition or not inside):
                first = start if lead is None else min(lead, start)
                yield self._node(first, start, depth)
            if depth + 1 < MAX_DEPTH and child.start_point.row != child.end_point.row:
                function = inside or _FUNCTION.search(child.type) is not None
                yield from self.nodes(child, depth + 1, inside=function)
            lead, after_definition = self._line_stop(child.end_byte), definition

    def _node(self, lead: int, start: int, depth: int) -> Node:
        return Node(lead=int(self.offsets[lead]), start=int(self.offsets[start]), depth=depth)

    def _line_start(self, byte: int) -> int | None:
        """Return where the line of a byte starts, or None if text stands before the byte."""
        start = self.data.rfind(b"\n", 0, byte) + 1
        return None if self.data[start:byte].strip() else start

    def _line_stop(self, byte: int) -> int:
        if byte and self.data[byte - 1 : byte] == b"\n":
            return byte
        stop = self.data.find(b"\n", byte)
        return len(self.data) if stop < 0 else stop + 1
