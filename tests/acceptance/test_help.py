"""Every command explains itself, quickly, and is documented."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from embeddb import __version__
from embeddb.cli.app import app
from tests.conftest import RunCLI

HEAVY = {"torch", "sentence_transformers", "transformers", "sqlalchemy", "alembic", "numpy"}
LIGHT_HELP = """
import sys
sys.argv = ["embeddb", *sys.argv[1:], "--help"]
from embeddb.cli import main
try:
    main()
finally:
    sys.stderr.write(" ".join(sys.modules))
"""


def _walk(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:  # noqa: ANN401
    yield path, command
    for name, child in getattr(command, "commands", {}).items():
        yield from _walk(child, (*path, name))


COMMANDS = dict(_walk(get_command(app)))
LEAVES = [path for path, command in COMMANDS.items() if not hasattr(command, "commands")]


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_every_command_has_help(path: tuple[str, ...]) -> None:
    result = CliRunner().invoke(app, [*path, "--help"])
    assert result.exit_code == 0
    assert "Usage" in result.output


@pytest.mark.parametrize("arguments", [[], ["search"], ["db"], ["demo"]], ids=str)
def test_help_imports_nothing_heavy(arguments: list[str]) -> None:
    command = [sys.executable, "-c", LIGHT_HELP, *arguments]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "Usage" in result.stdout
    assert not HEAVY & set(result.stderr.split())


@pytest.mark.parametrize("path", LEAVES, ids=" ".join)
def test_every_command_on_a_database_takes_the_common_options(path: tuple[str, ...]) -> None:
    options = {name for parameter in COMMANDS[path].params for name in parameter.opts}
    if path[0] == "db":  # of these, most know one server only, and psql's output is psql's
        expected = {"--json"} if path[1] != "psql" else {"--dsn"}
    else:
        expected = {"--dsn", "--schema", "--json"}
    assert expected <= options


def test_the_version_is_told(run_cli: RunCLI) -> None:
    assert run_cli("--version").stdout == f"embeddb {__version__}\n"
