"""The wheel holds what the code reads at run time."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

from tests.architecture.code import PACKAGED, ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))

BUILD = """
import sys
from setuptools import build_meta
print(build_meta.build_wheel(sys.argv[1]))
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """The names in a wheel that is built from a copy, so that nothing is left in the project."""
    copy, target = tmp_path_factory.mktemp("project"), tmp_path_factory.mktemp("wheel")
    ignored = shutil.ignore_patterns("__pycache__", "*.egg-info")
    for folder in PACKAGED:
        shutil.copytree(ROOT / folder, copy / folder, ignore=ignored)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, copy / name)
    command = [sys.executable, "-c", BUILD, str(target)]
    result = subprocess.run(command, cwd=copy, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    with zipfile.ZipFile(next(target.glob("*.whl"))) as file:
        return set(file.namelist())


def _expected(file: Path) -> str:
    name = file.relative_to(ROOT).as_posix()
    return name if name.startswith("embeddb/") else "embeddb/" + name


@pytest.mark.parametrize("pattern", ["*.py", "*.sql", "*.mako", "py.typed", "*.html", "*.json"])
def test_the_wheel_holds_every_file(wheel: set[str], pattern: str) -> None:
    files = (file for folder in PACKAGED for file in (ROOT / folder).rglob(pattern))
    assert {_expected(file) for file in files} <= wheel


def test_the_wheel_holds_nothing_else(wheel: set[str]) -> None:
    assert {name.split("/")[0].split("-")[0] for name in wheel} == {"embeddb"}


def test_the_licence_comes_along(wheel: set[str]) -> None:
    assert any(name.endswith("licenses/LICENSE") for name in wheel)


def test_the_version_is_the_same_everywhere() -> None:
    import embeddb

    version = PROJECT["project"]["version"]
    changelog = (ROOT / "CHANGELOG.md").read_text("utf-8")
    assert embeddb.__version__ == version
    assert re.search(rf"^## \[{re.escape(version)}\]", changelog, re.MULTILINE)
