"""Where the definitions of a program start, by how deep they are nested."""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field

from embeddb.chunkers.cutting import Borders
from embeddb.chunkers.grammars import grammar_nodes
from embeddb.chunkers.nodes import MAX_DEPTH, Node

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_DEFINITIONS = (*_FUNCTIONS, ast.ClassDef)

_LINE_END = re.compile(r"\r\n|\r|\n")
_UNINDENTED = re.compile(r"(?:\r\n|\r|\n)[^\S\r\n]*(?:\r\n|\r|\n)(?=[^\s})\]])")


@dataclass(slots=True)
class _Levels:
    """Two levels a depth: before the comments of a definition, and between the two.

    The second is weaker, so comments stay with what they are about unless it fills a chunk
    by itself.
    """

    leads: list[list[int]] = field(default_factory=lambda: [[] for _ in range(MAX_DEPTH)])
    starts: list[list[int]] = field(default_factory=lambda: [[] for _ in range(MAX_DEPTH)])

    def add(self, node: Node) -> None:
        if node.depth < MAX_DEPTH:
            self.leads[node.depth].append(node.lead)
            self.starts[node.depth].append(node.start)

    def borders(self) -> Borders:
        pairs = zip(self.leads, self.starts, strict=True)
        return [sorted(level) for pair in pairs for level in pair if level]


def definition_borders(content: str, language: str | None) -> Borders:
    """Return where `content` can be cut without cutting a definition, the outermost first."""
    nodes = python_nodes(content) if language == "python" else None
    if nodes is None and language is not None:
        nodes = grammar_nodes(content, language)
    if nodes is None:
        return [[found.end() for found in _UNINDENTED.finditer(content)]]
    levels = _Levels()
    for node in nodes:
        levels.add(node)
    return levels.borders()


def python_nodes(content: str) -> list[Node] | None:
    """Return the statements of a Python module, or None if this Python cannot parse it."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about the user's code, not ours: invalid escapes
            tree = ast.parse(content)
        lines = [0, *(found.end() for found in _LINE_END.finditer(content)), len(content)]
        return list(_statements(tree, lines, 0, 0))
    except (SyntaxError, ValueError, RecursionError, MemoryError, IndexError):
        return None


def _statements(
    parent: ast.AST, lines: list[int], lead: int | None, depth: int, *, inside: bool = False
) -> Iterator[Node]:
    """Yield the statements below `parent`; `inside` a function only those next to a definition.

    The first statement of a body has no lead but its own start.
    """
    if depth >= MAX_DEPTH:
        return
    after_definition = False
    for child in ast.iter_child_nodes(parent):
        if isinstance(child, ast.ExceptHandler | ast.match_case):
            yield from _statements(child, lines, lead, depth, inside=inside)
            lead = _stop(child.body[-1], lines)
        elif isinstance(child, ast.stmt):
            start = lines[_first_line(child) - 1]
            definition = isinstance(child, _DEFINITIONS)
            shares_line = lead is not None and lead > start
            if not shares_line and (definition or after_definition or not inside):
                yield Node(lead=start if lead is None else lead, start=start, depth=depth)
            function = inside or isinstance(child, _FUNCTIONS)
            yield from _statements(child, lines, None, depth + 1, inside=function)
            lead, after_definition = _stop(child, lines), definition


def _stop(node: ast.stmt, lines: list[int]) -> int:
    return lines[node.end_lineno or node.lineno]


def _first_line(node: ast.stmt) -> int:
    decorators: list[ast.expr] = getattr(node, "decorator_list", [])
    return min([node.lineno, *(decorator.lineno for decorator in decorators)])
