"""Check an installed wheel that has none of its extras: `python -m tests.support.wheel`.

Nothing but embeddb and what it requires is there, so this is a program and no test of pytest.
"""

from __future__ import annotations

import importlib
import pkgutil
import subprocess
import sys
import sysconfig
from importlib import metadata, resources
from pathlib import Path

import embeddb

INSTALLED = Path(sysconfig.get_path("purelib")) / "embeddb"

ELSEWHERE = {"embeddb.migrations.env", "embeddb.pytest_plugin"}
"""What Alembic and pytest import, and nothing else can."""


def check_modules() -> None:
    """Check that every module comes from the wheel and can be imported without extras."""
    assert embeddb.__path__ == [str(INSTALLED)], embeddb.__path__
    for module in pkgutil.walk_packages(embeddb.__path__, "embeddb."):
        if module.name not in ELSEWHERE and not module.name.endswith("__main__"):
            importlib.import_module(module.name)


def check_data() -> None:
    """Check that the files that are read at run time are there."""
    for name in ("py.typed", "migrations/script.py.mako", "sql/views/status.sql"):
        assert resources.files("embeddb").joinpath(name).is_file(), name


def check_commands() -> None:
    """Check that each way to start the command line starts it."""
    version = f"embeddb {metadata.version('embeddb')}\n"
    script = str(Path(sys.executable).with_name("embeddb"))
    module = [sys.executable, "-m"]
    for command in ([script], [*module, "embeddb"], [*module, "embeddb.cli"]):
        shown = subprocess.run([*command, "--version"], capture_output=True, text=True, check=True)
        assert (shown.stdout, shown.stderr) == (version, ""), command


if __name__ == "__main__":
    check_modules()
    check_data()
    check_commands()
