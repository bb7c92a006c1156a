"""One server for the whole run, and a database of its own for each test that asks for one."""

from __future__ import annotations

import itertools
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

import psutil
import psycopg
import pytest
from psycopg import sql

import embeddb
from embeddb.db import embedded
from embeddb.errors import EmbedDBError
from tests.support.encoders import with_database

ROOT = Path(__file__).parents[1]

RUN_VARIABLE = "EMBEDDB_TEST_RUN"
"""Tells the workers of a parallel run, and the commands that tests start, where the run lives."""

DSN_VARIABLE = "EMBEDDB_TEST_DSN"
"""A server to test against, of a role that may create databases and extensions."""

RUN_PREFIX = "embeddb-tests-"

# What a crash of the machine would cost does not matter here, and time does.
USER_CONF = """\
fsync = off
synchronous_commit = off
full_page_writes = off
shared_buffers = 128MB
maintenance_work_mem = 128MB
max_wal_size = 1GB
"""

TEMPLATE_LOCK = 0x656D6265

_numbers = itertools.count(1)


def pytest_configure(config: pytest.Config) -> None:
    """Choose the run's folder, and keep the developer's own settings out of the tests."""
    if RUN_VARIABLE not in os.environ:
        _sweep()
        run = Path(tempfile.mkdtemp(prefix=f"{RUN_PREFIX}{os.getpid()}-"))
        (run / "data").mkdir()
        (run / "data" / "user.conf").write_text(USER_CONF)
        os.environ[RUN_VARIABLE] = str(run)
        config.add_cleanup(lambda: _remove(run))
    for name in [name for name in os.environ if name.startswith("EMBEDDB_")]:
        if name not in (RUN_VARIABLE, DSN_VARIABLE):
            del os.environ[name]
    os.environ["EMBEDDB_DATA_DIR"] = str(_run() / "data")
    os.environ["HF_HUB_OFFLINE"] = "1"


class RunCLI(Protocol):
    """Run the command line tool in a process of its own."""

    def __call__(
        self,
        *arguments: str | Path,
        dsn: str | None = None,
        input: str | None = None,
        env: dict[str, str] | None = None,
        timeout: float = 120,
    ) -> subprocess.CompletedProcess[str]: ...


@pytest.fixture
def server_folder() -> Iterator[Path]:
    """A folder for a server of the test's own.

    Not below tmp_path: each run of pytest closes those folders' parent to all other users, and
    the server of root runs as another user.
    """
    folder = Path(tempfile.mkdtemp(prefix="own-", dir=_run()))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def server_url() -> str:
    """A database on the run's server that nobody changes: connect to it to make others."""
    return os.environ.get(DSN_VARIABLE) or embedded.start().url


@pytest.fixture(scope="session")
def template(server_url: str) -> str:
    """The name of a migrated database; whichever worker comes first makes it."""
    name = "template_" + _run_id()
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute("SELECT pg_advisory_lock(%s)", [TEMPLATE_LOCK])
        found = connection.execute("SELECT FROM pg_database WHERE datname = %s", [name])
        if found.fetchone() is None:
            with _unfinished(connection, name + "_new") as unfinished:
                embeddb.migrate(with_database(server_url, unfinished))
                rename = sql.SQL("ALTER DATABASE {} RENAME TO {}")
                identifiers = sql.Identifier(unfinished), sql.Identifier(name)
                connection.execute(rename.format(*identifiers))
    return name


@pytest.fixture
def empty_database(server_url: str) -> Iterator[str]:
    """The URL of a fresh database, without embeddb's schema."""
    with _database(server_url, "template1") as url:
        yield url


@pytest.fixture
def database(server_url: str, template: str) -> Iterator[str]:
    """The URL of a fresh database with embeddb's schema."""
    with _database(server_url, template) as url:
        yield url


@pytest.fixture
def store(database: str) -> Iterator[embeddb.Store]:
    """An open store on a fresh database."""
    with embeddb.connect(database) as store:
        yield store


@pytest.fixture
def run_cli(tmp_path: Path) -> RunCLI:
    """Run `embeddb …` in an environment of its own; it may load tests.support.encoders."""

    def run(
        *arguments: str | Path,
        dsn: str | None = None,
        input: str | None = None,
        env: dict[str, str] | None = None,
        timeout: float = 120,
    ) -> subprocess.CompletedProcess[str]:
        own = {"EMBEDDB_DATA_DIR": str(tmp_path / "embedded"), "PYTHONPATH": str(ROOT)}
        own |= {"EMBEDDB_PYTHON_MODELS": "tests.support.encoders", "COLUMNS": "100"}
        own |= {"EMBEDDB_DSN": dsn} if dsn else {}
        return subprocess.run(
            [Path(sys.executable).with_name("embeddb"), *arguments],
            input=input,
            env=os.environ | own | (env or {}),
            timeout=timeout,
            capture_output=True,
            text=True,
        )

    return run


@contextmanager
def _database(server_url: str, template: str) -> Iterator[str]:
    worker = os.environ.get("PYTEST_XDIST_WORKER", "main")
    name = f"test_{_run_id()}_{worker}_{next(_numbers)}"
    with psycopg.connect(server_url, autocommit=True) as connection:
        # copying the files takes a tenth of the time of writing every page to the log
        copy = "STRATEGY FILE_COPY" if connection.info.server_version >= 150_000 else ""
        create = sql.SQL("CREATE DATABASE {} TEMPLATE {} {}")
        names = sql.Identifier(name), sql.Identifier(template)
        connection.execute(create.format(*names, sql.SQL(copy)))
        try:
            yield with_database(server_url, name)
        finally:
            _drop(connection, name)


@contextmanager
def _unfinished(connection: psycopg.Connection, name: str) -> Iterator[str]:
    connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    try:
        yield name
    except BaseException:
        _drop(connection, name)
        raise


def _drop(connection: psycopg.Connection, name: str) -> None:
    drop = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)")
    connection.execute(drop.format(sql.Identifier(name)))


def _run() -> Path:
    return Path(os.environ[RUN_VARIABLE])


def _run_id() -> str:
    return _run().name.removeprefix(RUN_PREFIX).replace("-", "_").lower()


def _remove(run: Path) -> None:
    """End what the run started."""
    if dsn := os.environ.get(DSN_VARIABLE):
        with psycopg.connect(dsn, autocommit=True) as connection:
            _drop(connection, "template_" + _run_id())
    _end(run)
    del os.environ[RUN_VARIABLE]


def _sweep() -> None:
    """End what a killed run left behind."""
    for run in Path(tempfile.gettempdir()).glob(RUN_PREFIX + "*"):
        pid = run.name.removeprefix(RUN_PREFIX).split("-")[0]
        if pid.isdigit() and not psutil.pid_exists(int(pid)):
            _end(run)


def _end(run: Path) -> None:
    try:
        embedded.stop(run / "data")
    except EmbedDBError as error:
        sys.stderr.write(f"{error}\n")
    else:
        shutil.rmtree(run, ignore_errors=True)
