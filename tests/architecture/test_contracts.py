"""Who may import whom, as pyproject.toml says."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.architecture.code import ROOT

HEAVY = ("torch", "transformers", "sentence_transformers", "sqlalchemy", "alembic")


def test_imports_go_down_only() -> None:
    linter = Path(sys.executable).with_name("lint-imports")
    result = subprocess.run(
        [linter, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stdout + result.stderr


def test_importing_embeddb_loads_nothing_heavy() -> None:
    script = "import sys, embeddb, embeddb.cli; print(*sys.modules)"
    command = [sys.executable, "-c", script]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert not set(HEAVY) & set(result.stdout.split())
