"""Where the definitions of a program start, by how deep they are nested."""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from embeddb.chunkers.cutting import Borders
from embeddb.chunkers.grammars import grammar_nodes
from embeddb.chunkers.nodes import MAX_DEPTH, Node, short_signature
from embeddb.chunkers.places import Part

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


def outline(content: str, language: str | None) -> list[Node] | None:
    """Return the parts of a program's outline, or None where nothing here can read it."""
    nodes = python_nodes(content) if language == "python" else None
    if nodes is None and language is not None:
        nodes = grammar_nodes(content, language)
    return nodes


def definitions(nodes: Sequence[Node]) -> list[Part]:
    """Return the definitions that have a name."""
    return [
        Part(
            lead=node.lead,
            start=node.start,
            stop=node.stop,
            name=node.name,
            words=node.signature or node.name,
        )
        for node in nodes
        if node.name
    ]


def definition_borders(content: str, nodes: Sequence[Node] | None) -> Borders:
    """Return where `content` can be cut without cutting a definition, the outermost first."""
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
        return list(_Statements(content, lines).below(tree, 0, 0))
    except (SyntaxError, ValueError, RecursionError, MemoryError, IndexError):
        return None


@dataclass(frozen=True, slots=True)
class _Statements:
    content: str
    lines: list[int]

    def below(
        self, parent: ast.AST, lead: int | None, depth: int, *, inside: bool = False
    ) -> Iterator[Node]:
        """Yield the statements below `parent`; `inside` a function only those next to a definition.

        The first statement of a body has no lead but its own start.
        """
        if depth >= MAX_DEPTH:
            return
        after_definition = False
        for child in ast.iter_child_nodes(parent):
            if isinstance(child, ast.ExceptHandler | ast.match_case):
                yield from self.below(child, lead, depth, inside=inside)
                lead = _stop(child.body[-1], self.lines)
            elif isinstance(child, ast.stmt):
                start = self.lines[_first_line(child) - 1]
                definition = isinstance(child, _DEFINITIONS)
                shares_line = lead is not None and lead > start
                if not shares_line and (definition or after_definition or not inside):
                    yield self._node(child, start if lead is None else lead, start, depth)
                function = inside or isinstance(child, _FUNCTIONS)
                yield from self.below(child, None, depth + 1, inside=function)
                lead, after_definition = _stop(child, self.lines), definition

    def _node(self, child: ast.stmt, lead: int, start: int, depth: int) -> Node:
        if not isinstance(child, _DEFINITIONS):
            return Node(lead=lead, start=start, depth=depth)
        body = max(child.body[0].lineno, child.lineno + 1)
        signature = self.content[self.lines[child.lineno - 1] : self.lines[body - 1]]
        return Node(
            lead=lead,
            start=start,
            depth=depth,
            stop=_stop(child, self.lines),
            name=child.name,
            signature=short_signature(signature),
        )


def _stop(node: ast.stmt, lines: list[int]) -> int:
    return lines[node.end_lineno or node.lineno]


def _first_line(node: ast.stmt) -> int:
    decorators: list[ast.expr] = getattr(node, "decorator_list", [])
    return min([node.lineno, *(decorator.lineno for decorator in decorators)])
