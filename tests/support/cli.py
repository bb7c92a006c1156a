"""What the tests of the commands share."""

from __future__ import annotations

import json
import subprocess
from typing import Any

MODEL = "python:tests.support.encoders:encode"


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
