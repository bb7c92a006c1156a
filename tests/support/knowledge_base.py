"""The sample application of the documentation, in a copy that a test may change and run."""

from __future__ import annotations

import importlib
import json
import os
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.conftest import ROOT
from tests.support.postgres import one, rows

SOURCE = ROOT / "docs" / "examples" / "knowledge_base"
PACKAGE = "knowledge_base"
DEADLINE_SECONDS = 120.0

_WAITING = """
    SELECT (SELECT count(*) FROM embeddb.jobs)
         + (SELECT count(*) FROM embeddb.backfills WHERE finished_at IS NULL)
"""


class KnowledgeBase:
    """A copy of the application, with a database of its own.

    Args:
        folder: where to copy it to.
        url: the database.
        environment: of this process, which the application is imported into, too.
    """

    def __init__(self, folder: Path, url: str, environment: pytest.MonkeyPatch) -> None:
        shutil.copytree(SOURCE, folder, ignore=shutil.ignore_patterns("__pycache__"))
        self.folder = folder
        self.url = url
        environment.setenv("DATABASE_URL", url)
        environment.setenv("EMBEDDB_DSN", url)
        environment.setenv("EMBEDDB_PYTHON_MODELS", "tests.support.encoders")
        environment.setenv("PYTHONPATH", f"{folder}{os.pathsep}{ROOT}")
        # two edits within a second, of one length, would leave the first one's bytecode valid
        environment.setenv("PYTHONDONTWRITEBYTECODE", "1")

    def edit(self, *replacements: tuple[str, str]) -> None:
        """Write models.py as it is in the documentation, but for these pieces of it."""
        text = (SOURCE / PACKAGE / "models.py").read_text("utf-8")
        for old, new in replacements:
            assert text.count(old) == 1, old
            text = text.replace(old, new)
        (self.folder / PACKAGE / "models.py").write_text(text, "utf-8")

    def run(self, *command: str, code: int = 0) -> str:
        """Run a program of the environment's in the application's folder; give what it wrote."""
        program = Path(sys.executable).parent / command[0]
        done = subprocess.run(
            [program, *command[1:]],
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=DEADLINE_SECONDS,
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr

    def revision(self, message: str) -> str:
        """Generate a revision from what the models have become, and give its text."""
        versions = self.folder / "migrations" / "versions"
        before = set(versions.glob("*.py"))
        self.run("alembic", "revision", "--autogenerate", "-m", message)
        (new,) = set(versions.glob("*.py")) - before
        return new.read_text("utf-8")

    def upgrade(self) -> None:
        """Upgrade, and see that models and database are alike."""
        self.run("alembic", "upgrade", "head")
        assert "No new upgrade operations detected" in self.run("alembic", "check")

    @contextmanager
    def imported(self) -> Iterator[Callable[[str], Any]]:
        """Import modules of the application as they are now, and forget them afterwards."""
        sys.path.insert(0, str(self.folder))
        importlib.invalidate_caches()
        written, sys.dont_write_bytecode = sys.dont_write_bytecode, True
        try:
            yield lambda name: importlib.import_module(f"{PACKAGE}.{name}")
        finally:
            sys.dont_write_bytecode = written
            sys.path.remove(str(self.folder))
            for name in [name for name in sys.modules if name.split(".")[0] == PACKAGE]:
                del sys.modules[name]

    @contextmanager
    def worker(self, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
        """Have a worker run beside the application."""
        program = Path(sys.executable).with_name("embeddb")
        with (self.folder / "worker.log").open("a") as log:
            process = subprocess.Popen([program, "worker", *arguments], stdout=log, stderr=log)
        try:
            self._until(lambda: self.is_answered("tea"))
            yield process
            assert process.poll() is None, self.log()
            process.terminate()
            assert process.wait(DEADLINE_SECONDS) == 0, self.log()
        finally:
            process.kill()
            process.wait()

    def log(self) -> str:
        """Return what the workers wrote."""
        return (self.folder / "worker.log").read_text("utf-8")

    def settle(self) -> None:
        """Wait until the workers have followed."""
        self._until(lambda: one(self.url, _WAITING) == 0)
        assert one(self.url, "SELECT count(*) FROM embeddb.failed_jobs") == 0

    def is_answered(self, text: str) -> bool:
        """Return whether a worker encodes texts that SQL asks with: it is up, or will be."""
        try:
            rows(self.url, "SELECT embeddb.encode('articles', %s)", [text])
        except psycopg.DatabaseError as error:
            assert error.sqlstate == "ED002", error
            return False
        return True

    @contextmanager
    def web(self) -> Iterator[Callable[[str], str]]:
        """Serve the application, and give what gets its pages."""
        command = [sys.executable, "-m", f"{PACKAGE}.web", "--port", "0"]
        with (self.folder / "web.log").open("w") as log:
            process = subprocess.Popen(
                command, cwd=self.folder, stdout=subprocess.PIPE, stderr=log, text=True
            )
        try:
            assert process.stdout is not None
            address = process.stdout.readline().strip()
            assert address, (self.folder / "web.log").read_text()
            yield lambda path: _get(address + path)
        finally:
            process.kill()
            process.communicate()

    def _state(self) -> str:
        queue = rows(self.url, "SELECT * FROM embeddb.status")
        backfills = rows(self.url, "SELECT * FROM embeddb.backfills")
        return f"{queue}\n{backfills}\n{self.log()}"

    def _until(self, condition: Callable[[], bool]) -> None:
        end = time.monotonic() + DEADLINE_SECONDS
        while not condition():
            assert time.monotonic() < end, self._state()
            time.sleep(0.05)


def _get(address: str) -> str:
    try:
        with urllib.request.urlopen(address, timeout=DEADLINE_SECONDS) as answer:
            return str(answer.read().decode("utf-8"))
    except urllib.error.HTTPError as error:
        return f"{error.code} {error.read().decode('utf-8')}"


def searched(get: Callable[[str], str], text: str, **others: str) -> list[str]:
    """Search by the application's endpoint, and give the articles' slugs."""
    query = urllib.parse.urlencode({"q": text, **others})
    return [found["slug"] for found in json.loads(get(f"/search.json?{query}"))]
