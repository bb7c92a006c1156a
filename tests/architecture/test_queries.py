"""Statements run in db and repository, and in a few places that are named here with the reason."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from tests.architecture.code import ROOT, trees

ROOMS = ("embeddb/db/", "embeddb/repository/")

EXCEPTIONS = {
    "embeddb/alembic/": "what a migration does runs on the migration's own connection",
    "embeddb/pytest_plugin.py": "a database for each test, made on the server's own connection",
    "embeddb/sources/sql.py": "a source that is a query of the user's",
    "migrations/": "revisions never change, so they call nothing that may",
}

_READING = {"query", "statement"}
"""What reads a named statement of sql/queries/."""

_RUNNING = {"execute", "executemany"}


def _statements(tree: ast.Module) -> Iterator[int]:
    """Yield the lines that read or run a statement."""
    for node in ast.walk(tree):
        match node:
            case ast.ImportFrom(module="embeddb.db.queries", names=names):
                if _READING & {name.name for name in names}:
                    yield node.lineno
            case ast.Call(func=ast.Attribute(attr=name)) if name in _RUNNING:
                yield node.lineno


def test_statements_run_in_db_and_in_the_repository_only() -> None:
    allowed = (*ROOMS, *EXCEPTIONS)
    places = [
        f"{name}:{line}"
        for name, tree in trees()
        if not name.startswith(allowed)
        for line in _statements(tree)
    ]
    assert not places


def test_the_check_sees_each_way_to_run_a_statement() -> None:
    for code in (
        "from embeddb.db.queries import Name, query",
        "from embeddb.db.queries import statement",
        "connection.execute(found, {})",
        "with cursor() as c: c.executemany(found, [])",
    ):
        assert list(_statements(ast.parse(code)))
    for code in ("from embeddb.db.queries import Name", "model.query(text)"):
        assert not list(_statements(ast.parse(code)))


def test_each_named_statement_is_read_somewhere() -> None:
    names = {
        f"{file.stem}.{name}"
        for file in (ROOT / "sql" / "queries").glob("*.sql")
        for name in re.findall(r"^-- name: (\w+)$", file.read_text("utf-8"), re.MULTILINE)
    }
    texts = {
        node.value
        for _, tree in trees()
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    # as a whole, or put together of the file and the block
    unread = {name for name in names if not {name, name.partition(".")[2]} & texts}
    assert not unread
