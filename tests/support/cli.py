"""What the tests of the commands share."""

from __future__ import annotations

import json
import subprocess
from typing import Any

from typer.testing import CliRunner

MODEL = "python:tests.support.encoders:encode"


def in_process(
    *arguments: str, dsn: str, input: str | None = None, env: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a command in the test's own process, which spares the seconds that a new one takes."""
    from embeddb.cli.app import app

    own = {"EMBEDDB_DSN": dsn, "COLUMNS": "100"}
    result = CliRunner().invoke(app, arguments, input=input, env=own | (env or {}))
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return subprocess.CompletedProcess(arguments, result.exit_code, result.stdout, result.stderr)


def loaded(result: subprocess.CompletedProcess[str], code: int = 0) -> Any:  # noqa: ANN401
    """Give the JSON document that a command printed."""
    assert result.returncode == code, result.stdout + result.stderr
    return json.loads(result.stdout)


def failed(result: subprocess.CompletedProcess[str], code: int = 1) -> str:
    """Give what a command wrote about its failure, as one line; a traceback is none."""
    assert result.returncode == code, result.stdout + result.stderr
    assert "Traceback" not in result.stderr
    return " ".join(result.stderr.replace("│", " ").split())


def lines(*rows: dict[str, Any]) -> str:
    """Write JSON Lines."""
    return "".join(json.dumps(row) + "\n" for row in rows)
