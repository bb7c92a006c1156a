"""Runs the examples of a page: Python, shell commands, SQL in psql, and what each should print."""

from __future__ import annotations

import doctest
import io
import os
import shlex
import subprocess
import sys
import time
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import psycopg
from sybil import Document, Example, Sybil
from sybil.evaluators.python import PythonEvaluator
from sybil.parsers.markdown import CodeBlockParser

from tests.support.cli import run

ROOT = Path(__file__).parents[2]
PATIENCE_SECONDS = 120
EMBEDDB = Path(sys.executable).with_name("embeddb")


class Examples:
    """Runs the pages that belong together, one after the other, in one namespace.

    A `text` block after an example is what that example prints; `...` in it stands for anything.

    Args:
        url: the database that they run in.
        checks_output: whether `text` blocks are compared; else they are passed over.
    """

    def __init__(self, url: str, *, checks_output: bool = False) -> None:
        self.namespace: dict[str, Any] = {}
        self.shown = ""
        self.ran = 0
        self._url = url
        # a machine that is busy may load a model more slowly than a query waits
        self._environment = os.environ | {
            "EMBEDDB_DSN": url,
            "PGOPTIONS": "-c embeddb.encode_timeout=60s",
        }
        self._printed = ""
        self._python = PythonEvaluator()
        self._servants: list[subprocess.Popen[bytes]] = []
        languages = {"python": self._run_python, "sql": self._run_sql, "bash": self._run_bash}
        if checks_output:
            languages["text"] = self._compare
        self._sybil = Sybil(
            parsers=[
                CodeBlockParser(language=language, evaluator=evaluator)
                for language, evaluator in languages.items()
            ]
        )

    def run(self, page: str) -> None:
        """Run every example of a page; raise what the first wrong one raises."""
        document: Document = self._sybil.parse(ROOT / page)
        document.namespace = self.namespace
        for example in document.examples():
            example.evaluate()
            self.ran += 1

    def close(self) -> None:
        """Stop what was started in the background, and close the connections of the examples."""
        for process in self._servants:
            process.terminate()
            process.wait(timeout=30)
        for name, method in (("store", "close"), ("engine", "dispose")):
            if name in self.namespace:
                getattr(self.namespace[name], method)()

    def _print(self, text: str) -> None:
        self._printed = text
        self.shown += text

    def _run_python(self, example: Example) -> None:
        with redirect_stdout(io.StringIO()) as printed:
            self._python(example)
        self._print(printed.getvalue())

    def _run_sql(self, example: Example) -> None:
        command = [str(EMBEDDB), "db", "psql", "--no-psqlrc", "--set", "ON_ERROR_STOP=1"]
        done = subprocess.run(
            command, input=example.parsed, capture_output=True, text=True, env=self._environment
        )
        self._print(_output(done))
        assert "(0 rows)" not in self._printed, example.parsed

    def _run_bash(self, example: Example) -> None:
        printed = []
        for line in example.parsed.splitlines():
            command = shlex.split(line, comments=True)
            assert command.pop(0) == "embeddb", line
            if command[-1] == "&":
                self._serve(command[:-1])
            elif command[:2] == ["db", "psql"]:  # it becomes psql: not in this process
                done = subprocess.run(
                    [str(EMBEDDB), *command], capture_output=True, text=True, env=self._environment
                )
                printed.append(_output(done))
            elif ">" in command[-2:-1]:
                Path(command[-1]).write_text(_output(run(*command[:-2], dsn=self._url)), "utf-8")
            else:
                printed.append(_output(run(*command, dsn=self._url)))
        self._print("".join(printed))

    def _serve(self, command: list[str]) -> None:
        """Start a worker, and wait for it as a reader does who looks at `embeddb status`."""
        self._servants.append(subprocess.Popen([EMBEDDB, *command], env=self._environment))
        with psycopg.connect(self._url, autocommit=True) as connection:
            for _ in range(PATIENCE_SECONDS):
                if connection.execute("SELECT sum(pending) FROM embeddb.status").fetchone() == (0,):
                    return
                time.sleep(1)
        raise AssertionError(f"{command} has not emptied the queue")

    def _compare(self, example: Example) -> None:
        wanted = example.parsed.strip() + "\n"
        got = "\n".join(line.rstrip() for line in self._printed.strip().splitlines()) + "\n"
        flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
        assert doctest.OutputChecker().check_output(wanted, got, flags), (
            f"{example.path}:{example.line} does not print what the page shows, but:\n{got}"
        )


def _output(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode == 0, (done.args, done.stdout, done.stderr)
    return done.stdout
