"""Alembic finds what embeddb registers by itself, whoever is imported first."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from importlib.metadata import entry_points
from pathlib import Path

import alembic
import pytest

ROOT = Path(__file__).parents[3]

SHOW = """
from alembic import op
from alembic.operations import Operations
from alembic.runtime import plugins
print(sorted(name for name in plugins._all_plugins if "embeddb" in name))
print(Operations.create_vector_index.__name__, op.create_vector_index.__name__)
"""

pytestmark = pytest.mark.skipif(
    tuple(map(int, alembic.__version__.split(".")[:2])) < (1, 18),
    reason="plugins came with Alembic 1.18",
)


@pytest.mark.parametrize(
    "first",
    [
        "import alembic",
        "import alembic.config",
        "from alembic.operations import ops",
        "from alembic import op",
        "import alembic.autogenerate",
        "import embeddb",
        "import embeddb.alembic",
        "import embeddb.store",
    ],
)
def test_one_plugin_is_there(tmp_path: Path, first: str) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    ((name, module),) = project["entry-points"]["alembic.plugins"].items()
    if name not in {entry.name for entry in entry_points(group="alembic.plugins")}:
        _install(tmp_path, name, module)  # the environment is older than the entry point
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", first + SHOW],
        env=os.environ | {"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "['alembic.autogenerate.embeddb']",
        "create_vector_index create_vector_index",
    ]


def _install(folder: Path, name: str, module: str) -> None:
    info = folder / "embeddb_entry-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: embeddb-entry\nVersion: 1\n")
    (info / "entry_points.txt").write_text(f"[alembic.plugins]\n{name} = {module}\n")
