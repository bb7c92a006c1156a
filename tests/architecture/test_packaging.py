"""The distributions hold what the code reads at run time, and build without a warning."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.architecture.code import PACKAGED, ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
NO_CACHES = shutil.ignore_patterns("__pycache__", "*.pyc")


@dataclass(frozen=True)
class Built:
    """What `python -m build` made, and what it printed."""

    wheel: Path
    sdist: Path
    output: str


def _build(project: Path, *options: str) -> Built:
    """Build the distributions of a project; `build` makes the wheel from the sdist."""
    command = [sys.executable, "-m", "build", "--no-isolation", *options, str(project)]
    environment = os.environ | {"PYTHONDONTWRITEBYTECODE": "", "NO_COLOR": "1"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (wheel,) = (project / "dist").glob("*.whl")
    (sdist,) = (project / "dist").glob("*.tar.gz")
    return Built(wheel, sdist, done.stdout + done.stderr)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project, so that nothing is left in it."""
    copy = tmp_path_factory.mktemp("project")
    for folder in PACKAGED:
        shutil.copytree(ROOT / folder, copy / folder, ignore=NO_CACHES)
    for name in ("pyproject.toml", "setup.py", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, copy / name)
    return copy


@pytest.fixture(scope="module")
def built(project: Path) -> Built:
    """The distributions of the project."""
    return _build(project)


def _contents(wheel: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(wheel) as file:
        return {name: file.read(name) for name in file.namelist()}


def _in_wheel(name: str) -> str:
    return name if name.startswith("embeddb/") else f"embeddb/{name}"


def test_the_wheel_holds_every_file_and_nothing_else(project: Path, built: Built) -> None:
    files = {
        _in_wheel(file.relative_to(project).as_posix()): file.read_bytes()
        for folder in PACKAGED
        for file in (project / folder).rglob("*")
        if file.is_file()
    }
    packed = {
        name: content
        for name, content in _contents(built.wheel).items()
        if not name.startswith(f"embeddb-{PROJECT['version']}.dist-info/")
    }
    assert packed == files


def test_the_licence_comes_along(built: Built) -> None:
    assert any(name.endswith("licenses/LICENSE") for name in _contents(built.wheel))
    with tarfile.open(built.sdist) as file:
        assert any(name.endswith("/LICENSE") for name in file.getnames())


def test_the_wheel_is_the_same_without_the_sdist(project: Path, built: Built) -> None:
    from_sdist = _contents(built.wheel)
    assert _contents(_build(project, "--wheel").wheel) == from_sdist


def test_nothing_warns(built: Built) -> None:
    warnings = [line for line in built.output.splitlines() if "warn" in line.lower()]
    assert warnings == []


def test_the_distributions_can_be_uploaded(built: Built) -> None:
    files = [str(built.wheel), str(built.sdist)]
    command = [sys.executable, "-m", "twine", "check", "--strict", *files]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_version_is_the_same_everywhere() -> None:
    import embeddb

    version = PROJECT["version"]
    changelog = (ROOT / "CHANGELOG.md").read_text("utf-8")
    assert embeddb.__version__ == version
    assert re.search(rf"^## \[{re.escape(version)}\]", changelog, re.MULTILINE)
