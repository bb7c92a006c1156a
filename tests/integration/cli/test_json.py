"""Every command that takes --json prints one JSON document, and prints for people without it."""

from __future__ import annotations

import json

import pytest

from tests.support.cli import MODEL, leaves, options, run
from tests.support.postgres import rows

ELSEWHERE = {("demo",), ("db", "start"), ("db", "stop"), ("db", "status")}
"""Tested in processes of their own, with a server of their own."""

COMMANDS: dict[tuple[str, ...], tuple[list[str], set[str]]] = {
    ("migrate",): ([], {"before", "after"}),
    ("doctor",): ([], {"level", "subject", "message", "remedy"}),
    ("status",): ([], {"server", "collections", "workers"}),
    ("db", "url"): ([], {"url"}),
    ("collection", "create"): (["made", "--dim", "3", "--exist-ok"], {"name", "index", "notes"}),
    ("collection", "list"): ([], {"name", "documents", "index_state"}),
    ("collection", "show"): (["notes"], {"name", "chunks", "indexes"}),
    ("attach",): (
        ["articles", "--text", "body", "--model", MODEL, "--name", "bodies", "--exist-ok"],
        {"name", "source", "sync", "notes"},
    ),
    ("ingest",): (["notes", "-"], {"added", "failures", "rate"}),
    ("search",): (["notes", "note 3", "--plan"], {"hits", "encode_ms", "search_ms", "plan"}),
    ("get",): (["notes", "n1"], {"id", "content", "metadata"}),
    ("delete",): (["notes", "--id", "n0", "--yes"], {"deleted"}),
    ("index", "build"): (["notes"], {"indexes", "estimated_bytes", "notes"}),
    ("index", "list"): (["notes"], {"name", "method", "valid"}),
    ("index", "repair"): (["notes"], {"collections", "notes"}),
    ("recall",): (["notes", "--sample", "5"], {"recall", "limit", "settings"}),
    ("tune",): (
        ["notes", "--sample", "5", "--recall", "0.1", "--dry-run"],
        {"trials", "chosen", "reached"},
    ),
    ("compress",): (
        ["notes", "--sample", "5", "--recall", "0.1"],
        {"forms", "best", "applied", "notes"},
    ),
    ("convert",): (
        ["notes", "--storage", "halfvec", "--yes"],
        {"collection", "before", "after", "notes"},
    ),
    ("sql-encoder", "drop"): (["notes", "--yes"], {"collection", "dropped"}),
    ("jobs", "list"): ([], {"collection", "key", "state"}),
    ("jobs", "failed"): ([], {"collection", "key", "error", "message"}),
    ("jobs", "retry"): (["--key", "8"], {"retried"}),
    ("jobs", "purge"): (["--key", "8", "--yes"], {"purged"}),
    ("grant",): (["reader", "{role}", "--dry-run"], {"role", "statements", "needs", "applied"}),
    ("revoke",): (["reader", "{role}", "--dry-run"], {"role", "statements", "needs", "applied"}),
    ("worker",): (
        ["--once", "--collections", "bodies", "--no-index"],
        {"processed", "succeeded", "problems"},
    ),
    ("index", "drop"): (["notes", "--yes"], {"name", "method", "valid"}),
    ("repair",): (["bodies"], {"collections"}),
    ("pause",): (["bodies"], {"paused"}),
    ("resume",): (["bodies"], {"resumed"}),
    ("unfollow",): (["bodies", "--yes"], {"unfollowed"}),
    ("follow",): (["bodies"], {"followed"}),
    ("detach",): (["bodies", "--yes"], {"detached", "chunks"}),
    ("collection", "drop"): (["made", "--yes"], {"dropped", "documents"}),
}
"""Arguments, and keys that must be in the document or in each of its items."""

FAILING: dict[tuple[str, ...], list[str]] = {
    ("sql-encoder", "show"): ["notes"],
    ("sql-encoder", "train"): ["notes"],
}
"""Need a model with a tokenizer: what they print is tested with one."""

INPUT = '{"id": "more", "content": "one more note"}\n'


def test_every_command_with_json_is_tested() -> None:
    with_json = {path for path, command in leaves().items() if "--json" in options(command)}
    serve_setup = {("sql-encoder", "serve-setup")}  # makes a role of the whole server
    assert with_json == {*COMMANDS, *FAILING, *ELSEWHERE, *serve_setup}


@pytest.fixture(scope="module")
def role(url: str) -> str:
    """A role of the server's that is there anyway."""
    return str(rows(url, "SELECT rolname FROM pg_roles WHERE rolname = 'pg_monitor'")[0][0])


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_a_command_prints_json_or_text(path: tuple[str, ...], url: str, role: str) -> None:
    arguments, keys = COMMANDS[path]
    words = [*path, *(argument.format(role=role) for argument in arguments)]
    result = run(*words, "--json", dsn=url, input=INPUT)
    assert result.returncode == 0, result.stderr
    data = json.loads(result.stdout)
    for item in data if isinstance(data, list) else [data]:
        assert keys <= item.keys()
    assert data != []
    if path in {("detach",), ("collection", "drop")}:
        return  # it is gone
    text = run(*words, dsn=url, input=INPUT)
    assert text.returncode == 0, text.stderr
    assert text.stdout.strip() and not text.stdout.startswith(("{", "["))
    assert "\x1b" not in text.stdout


@pytest.mark.parametrize("path", FAILING, ids=" ".join)
def test_a_failure_prints_no_json(path: tuple[str, ...], url: str) -> None:
    result = run(*path, *FAILING[path], "--json", dsn=url)
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr.strip()
