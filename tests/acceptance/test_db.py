"""`embeddb db …`."""

from __future__ import annotations

from pathlib import Path

import psycopg

from tests.conftest import RunCLI
from tests.support.cli import failed, loaded


def test_the_embedded_server_starts_serves_and_stops(run_cli: RunCLI, tmp_path: Path) -> None:
    assert loaded(run_cli("db", "status", "--json"))["running"] is False
    started = loaded(run_cli("db", "start", "--json"))
    try:
        assert started["running"] and Path(started["data_dir"]) == tmp_path / "embedded"
        assert started["settings"]["shared_buffers"]
        assert run_cli("migrate", "--check").returncode == 0
        assert run_cli("db", "url").stdout == started["url"] + "\n"
        assert run_cli("status").returncode == 0
        assert "/dev/shm" in run_cli("doctor").stdout
        assert "yes" in run_cli("db", "status").stdout
    finally:
        assert loaded(run_cli("db", "stop", "--json")) == {"stopped": True}
    assert "was not running" in run_cli("db", "stop").stdout


def test_psql_takes_its_own_arguments(run_cli: RunCLI, notes: str) -> None:
    statement = "SELECT count(*) FROM embeddb.notes"
    result = run_cli("db", "psql", "--no-psqlrc", "-At", "-c", statement, dsn=notes)
    assert (result.returncode, result.stdout) == (0, "3\n")
    assert run_cli("db", "psql", "--dsn", notes, input="SELECT 'typed';").stdout.count("typed") == 1
    wrong = run_cli("db", "psql", "-v", "ON_ERROR_STOP=1", "-c", "SELECT wrong", dsn=notes)
    assert "wrong" in failed(wrong)


def test_the_url_is_all_that_is_printed(run_cli: RunCLI, database: str) -> None:
    printed = run_cli("db", "url", "--dsn", database).stdout
    assert printed == database + "\n"
    with psycopg.connect(printed.strip()) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
    assert loaded(run_cli("db", "url", "--json", dsn=database)) == {"url": database}
