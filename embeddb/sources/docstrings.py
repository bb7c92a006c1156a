"""The public docstrings of a Python module, read from its source without importing it."""

from __future__ import annotations

import ast
import warnings
from collections.abc import Iterator
from typing import NamedTuple, TypeAlias

_Function: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef

# Shorter ones repeat the name ("Return the name.") and are found for every query.
MIN_CHARACTERS = 40


class Docstring(NamedTuple):
    """One docstring: the kind and name of what it describes, the signature, and its text."""

    kind: str
    name: str
    signature: str
    text: str


def module_docstrings(source: bytes, module: str) -> Iterator[Docstring]:
    """Yield the docstrings of a module, of its public classes and of their methods, in order.

    Raises:
        SyntaxError, ValueError: the source is not valid in this version of Python.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about invalid escapes in sources that are not ours
        tree = ast.parse(source)
    yield from _docstring(tree, "module", module, module)
    seen: set[str] = set()
    for found in _members(tree, module, "function"):
        if found.name not in seen:  # the other branch of an `if`, or a property's setter
            seen.add(found.name)
            yield found


def _members(parent: ast.AST, prefix: str, kind: str) -> Iterator[Docstring]:
    for child in ast.iter_child_nodes(parent):
        if isinstance(child, ast.If | ast.Try):
            yield from _members(child, prefix, kind)
        elif isinstance(child, ast.ClassDef) and not child.name.startswith("_"):
            name = f"{prefix}.{child.name}"
            yield from _docstring(child, "class", name, _class_signature(child, name))
            yield from _members(child, name, "method")
        elif isinstance(child, _Function) and not child.name.startswith("_"):
            name = f"{prefix}.{child.name}"
            yield from _docstring(child, kind, name, _function_signature(child, name))


def _docstring(
    node: ast.Module | ast.ClassDef | _Function, kind: str, name: str, signature: str
) -> Iterator[Docstring]:
    text = ast.get_docstring(node)
    if text and len(text) >= MIN_CHARACTERS:
        yield Docstring(kind, name, signature, text)


def _class_signature(node: ast.ClassDef, name: str) -> str:
    bases = ", ".join(ast.unparse(base) for base in node.bases)
    return f"class {name}({bases})" if bases else f"class {name}"


def _function_signature(node: _Function, name: str) -> str:
    prefix = "async " if isinstance(node, ast.AsyncFunctionDef) else ""
    return f"{prefix}{name}({ast.unparse(node.args)})"
