"""`embeddb migrate`."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import psycopg

from embeddb.db.migrate import head
from tests.conftest import RunCLI
from tests.support.cli import failed, loaded


def test_migrating_applies_once(run_cli: RunCLI, empty_database: str) -> None:
    first = loaded(run_cli("migrate", "--json", dsn=empty_database))
    assert first == {"before": None, "after": head()}
    again = run_cli("migrate", dsn=empty_database)
    assert again.returncode == 0
    assert "already" in again.stdout


def test_check_exits_with_1_until_it_is_migrated(run_cli: RunCLI, empty_database: str) -> None:
    before = loaded(run_cli("migrate", "--check", "--json", dsn=empty_database), 1)
    assert before == {"revision": None, "head": head(), "current": False}
    assert run_cli("migrate", "--to", head(), dsn=empty_database).returncode == 0
    assert run_cli("migrate", "--check", dsn=empty_database).returncode == 0


def test_going_down_asks(run_cli: RunCLI, database: str) -> None:
    assert "Aborted" in failed(run_cli("migrate", "--to", "base", dsn=database, input="n\n"))
    assert run_cli("migrate", "--check", dsn=database).returncode == 0
    down = loaded(run_cli("migrate", "--to", "base", "--yes", "--json", dsn=database))
    assert down == {"before": head(), "after": None}


def test_going_down_does_not_orphan_collections(run_cli: RunCLI, notes: str) -> None:
    result = run_cli("migrate", "--to", "base", "--yes", dsn=notes)
    assert "embeddb collection drop" in failed(result)


def test_an_unknown_revision_is_told(run_cli: RunCLI, database: str) -> None:
    assert "nonsense" in failed(run_cli("migrate", "--to", "nonsense", dsn=database))


def test_sql_is_written_without_a_server_and_works(run_cli: RunCLI, empty_database: str) -> None:
    result = run_cli("migrate", "--sql", dsn="postgresql://127.0.0.1:1/nothing")
    assert result.returncode == 0
    with psycopg.connect(empty_database, autocommit=True) as connection:
        connection.execute(result.stdout.encode())
    assert run_cli("migrate", "--check", dsn=empty_database).returncode == 0


def test_another_schema_is_one_of_its_own(run_cli: RunCLI, database: str) -> None:
    assert run_cli("migrate", "--schema", "two words", dsn=database).returncode == 0
    status = loaded(run_cli("status", "--schema", "two words", "--json", dsn=database))
    assert status["server"]["schema"] == "two words"


def test_eight_at_once_apply_once(run_cli: RunCLI, empty_database: str) -> None:
    with ThreadPoolExecutor(8) as threads:
        runs = [threads.submit(run_cli, "migrate", "--json", dsn=empty_database) for _ in range(8)]
    befores = [loaded(run.result())["before"] for run in runs]
    assert sorted(befores, key=str) == sorted([None, *[head()] * 7], key=str)
