"""Values are parameters and identifiers are quoted: no SQL is put together from strings."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

import pytest

from tests.architecture.code import ROOT, trees

# At the start of a line, and in upper case as SQL is written here: messages quote statements, too,
# and GRANT is what their remedies begin with.
_STATEMENT = re.compile(
    r"^\s*((SELECT|TRUNCATE|WHERE|HAVING)\s|(INSERT\s+INTO|DELETE\s+FROM|ORDER\s+BY)\s"
    r"|UPDATE\s+\S+\s+SET\s|COPY\s+\S+\s|SET\s+(LOCAL|SESSION)\s|WITH\s+\w+\s+AS\s"
    r"|(CREATE|ALTER|DROP)\s+(OR\s+REPLACE\s+)?"
    r"(TABLE|INDEX|SCHEMA|FUNCTION|DATABASE|EXTENSION|TYPE|ROLE|TRIGGER)\s)",
    re.MULTILINE,
)


def _literals(node: ast.AST) -> list[str]:
    texts = [part.value for part in ast.walk(node) if isinstance(part, ast.Constant)]
    # A literal may end where a name is to follow.
    return [text + " x " for text in texts if isinstance(text, str)]


def _is_built(node: ast.AST) -> bool:
    """Return whether the expression makes a string out of strings and something else."""
    match node:
        case ast.JoinedStr(values=values):
            return any(isinstance(value, ast.FormattedValue) for value in values)
        case ast.BinOp(op=ast.Mod() | ast.Add(), left=left, right=right):
            return any(_is_text(side) for side in (left, right))
        case ast.Call(func=ast.Attribute(attr="format", value=value)):
            return _is_text(value)
    return False


def _is_text(node: ast.AST) -> bool:
    if isinstance(node, ast.BinOp):
        return _is_text(node.left) or _is_text(node.right)
    return isinstance(node, ast.JoinedStr) or (
        isinstance(node, ast.Constant) and isinstance(node.value, str)
    )


def _built_sql(tree: ast.Module) -> Iterator[int]:
    for node in ast.walk(tree):
        if not isinstance(node, ast.expr) or not _is_built(node):
            continue
        if any(_STATEMENT.search(text) for text in _literals(node)):
            yield node.lineno


def test_no_statement_is_built_from_strings() -> None:
    places = [f"{name}:{line}" for name, tree in trees() for line in _built_sql(tree)]
    assert not places


def test_sql_is_ascii_for_databases_in_any_encoding() -> None:
    files = sorted((ROOT / "sql").glob("*/*.sql"))
    assert files and not [file.name for file in files if not file.read_text("utf-8").isascii()]


@pytest.mark.parametrize(
    "code",
    [
        'f"SELECT * FROM {table}"',
        '"DROP TABLE " + name',
        '"SET LOCAL hnsw.ef_search = %s" % value',
        '"CREATE INDEX {} ON docs".format(name)',
        'f"{head} " + f"WHERE {column} = 1"',
        'f"DELETE FROM {table}"',
    ],
)
def test_the_check_sees_each_way_to_build_a_statement(code: str) -> None:
    assert list(_built_sql(ast.parse(code)))


@pytest.mark.parametrize(
    "code",
    [
        '"SELECT 1"',
        'sql.SQL("DROP TABLE {}").format(name)',
        'f"Select a model for {name}"',
        'f"{name} is missing: CREATE EXTENSION vector;"',
    ],
)
def test_the_check_lets_the_rest_pass(code: str) -> None:
    assert not list(_built_sql(ast.parse(code)))
