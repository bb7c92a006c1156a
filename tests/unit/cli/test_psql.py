"""The command line of psql."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from embeddb.cli.common import psql
from embeddb.db import embedded
from embeddb.errors import MissingDependencyError


def test_a_password_is_in_the_environment_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    put: dict[str, str] = {}
    monkeypatch.setattr(os, "putenv", put.__setitem__)
    command = psql.psql_command("postgresql://me:secret@host:5433/db", ["-c", "SELECT 1"])
    assert put == {"PGPASSWORD": "secret"}
    assert "secret" not in " ".join(command)
    assert command[1] == "--dbname" and command[3:] == ["-c", "SELECT 1"]
    assert set(command[2].split()) == {"user=me", "host=host", "port=5433", "dbname=db"}


def _no_wheel(name: str) -> Path:
    raise MissingDependencyError("no wheel")


def test_the_machines_own_psql_is_taken_where_there_is_no_other(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    program = tmp_path / "psql"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    monkeypatch.setattr(embedded, "bin", _no_wheel)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert psql.psql_command("postgresql:///db", [])[0] == str(program)
    monkeypatch.setenv("PATH", "")
    with pytest.raises(MissingDependencyError, match=r"embeddb\[embedded\]"):
        psql.psql_command("postgresql:///db", [])
