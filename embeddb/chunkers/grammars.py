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
from embeddb.chunkers.nodes import MAX_DEPTH, Node, short_signature

if TYPE_CHECKING:
    import tree_sitter

# Nodes that belong to the definition after them.
_LEADING = frozenset({"attribute_item", "decorator", "annotation", "php_tag"})

_FUNCTION = re.compile("function|method|constructor|lambda|closure")
_DEFINITION = re.compile(_FUNCTION.pattern + "|class|struct|enum|trait|impl|interface|module")

# Nodes that hold a definition, and are none.
_WRAPPERS = frozenset({"export_statement", "decorated_definition", "template_declaration"})
_CALL = re.compile("call|invocation")
_WORD = re.compile(r"\w+")


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
                yield self._node(child, first, start, depth)
            if depth + 1 < MAX_DEPTH and child.start_point.row != child.end_point.row:
                function = inside or _FUNCTION.search(child.type) is not None
                yield from self.nodes(child, depth + 1, inside=function)
            lead, after_definition = self._line_stop(child.end_byte), definition

    def _node(self, child: tree_sitter.Node, lead: int, start: int, depth: int) -> Node:
        found = _named(child)
        name, signature = ("", "") if found is None else self._name(found)
        return Node(
            lead=int(self.offsets[lead]),
            start=int(self.offsets[start]),
            depth=depth,
            stop=int(self.offsets[self._line_stop(child.end_byte)]),
            name=name,
            signature=signature,
        )

    def _name(self, definition: tree_sitter.Node) -> tuple[str, str]:
        """Return the name and the signature of a definition."""
        name = definition.child_by_field_name("name") or definition.child_by_field_name("type")
        inner = definition.child_by_field_name("declarator")
        while inner is not None:  # C: a function's name stands inside of pointers and parameters
            name, inner = inner, inner.child_by_field_name("declarator")
        body = definition.child_by_field_name("body")
        if name is None or body is None:
            return "", ""
        words = self._text(name.start_byte, name.end_byte)
        receiver = definition.child_by_field_name("receiver")  # Go: the type of a method
        if receiver is not None:
            owner = _WORD.findall(self._text(receiver.start_byte, receiver.end_byte))
            words = ".".join([*owner[-1:], words])
        signature = self._text(definition.start_byte, body.start_byte)
        return " ".join(words.split()), short_signature(signature)

    def _text(self, start: int, stop: int) -> str:
        return self.data[start:stop].decode(errors="replace")

    def _line_start(self, byte: int) -> int | None:
        """Return where the line of a byte starts, or None if text stands before the byte."""
        start = self.data.rfind(b"\n", 0, byte) + 1
        return None if self.data[start:byte].strip() else start

    def _line_stop(self, byte: int) -> int:
        if byte and self.data[byte - 1 : byte] == b"\n":
            return byte
        stop = self.data.find(b"\n", byte)
        return len(self.data) if stop < 0 else stop + 1


def _named(node: tree_sitter.Node) -> tree_sitter.Node | None:
    """Return the definition that a node is, or holds as its wrapper."""
    if node.type in _WRAPPERS:
        inside = (_named(child) for child in node.named_children)
        return next((child for child in inside if child is not None), None)
    if _DEFINITION.search(node.type) is None or _CALL.search(node.type) is not None:
        return None
    return node
