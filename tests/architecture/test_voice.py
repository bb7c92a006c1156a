"""Docstrings say what is returned, in the words of the field."""

from __future__ import annotations

import ast

from tests.architecture.code import trees

OURS = {"Give", "Gives", "Say", "Says", "Tell", "Tells"}
"""Elsewhere a docstring says "Return …", "Return whether …" or "Yield …"."""

_DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def test_docstrings_speak_as_those_of_other_libraries_do() -> None:
    odd = [
        f"{name}:{node.body[0].lineno}: {text.splitlines()[0]}"
        for name, tree in trees()
        for node in ast.walk(tree)
        if isinstance(node, _DOCUMENTED)
        and (text := ast.get_docstring(node))
        and text.split()[0] in OURS
    ]
    assert not odd
