"""One module reads the environment; everything else is told."""

from __future__ import annotations

import ast

from tests.architecture.code import trees

READERS = {"environ", "environb", "getenv", "getenvb"}


def _reads_environment(node: ast.AST) -> bool:
    if isinstance(node, ast.Attribute):
        return node.attr in READERS and isinstance(node.value, ast.Name) and node.value.id == "os"
    if isinstance(node, ast.ImportFrom):
        return node.module == "os" and any(name.name in READERS for name in node.names)
    return False


def test_only_config_reads_the_environment() -> None:
    places = [
        f"{name}:{node.lineno}"
        for name, tree in trees()
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute | ast.ImportFrom) and _reads_environment(node)
    ]
    assert {place.split(":")[0] for place in places} == {"embeddb/config.py"}, places
