"""The files that others start embeddb from say what is true."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]

from tests.architecture.code import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
CONSTRAINTS = (ROOT / ".ci" / "constraints.txt").read_text("utf-8")


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    """The services of docker-compose.yml."""
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text("utf-8"))
    services: dict[str, Any] = compose["services"]
    return services


def test_the_data_outlives_the_container(services: dict[str, Any]) -> None:
    # Images of Postgres 18 refuse a volume at /var/lib/postgresql/data.
    assert services["postgres"]["image"] == "pgvector/pgvector:pg18"
    assert services["postgres"]["volumes"] == ["data:/var/lib/postgresql"]


def test_the_database_is_reached_from_this_machine_only(services: dict[str, Any]) -> None:
    assert all(port.startswith("127.0.0.1:") for port in services["postgres"]["ports"])


def test_the_schema_is_migrated_once_the_database_is_healthy(services: dict[str, Any]) -> None:
    assert "healthcheck" in services["postgres"]
    assert services["migrate"]["depends_on"] == {"postgres": {"condition": "service_healthy"}}
    build = services["migrate"]["build"]["dockerfile_inline"]
    assert 'ENTRYPOINT ["embeddb"]' in build and 'CMD ["migrate"]' in build


def test_the_image_is_built_from_files_that_are_there(services: dict[str, Any]) -> None:
    build = services["migrate"]["build"]["dockerfile_inline"]
    sources = [word for line in re.findall(r"COPY (.+)", build) for word in line.split()[:-1]]
    assert sources and all((ROOT / source).exists() for source in sources)


def _requirements() -> Iterator[str]:
    """Yield what embeddb, its extras and the project's own groups require."""
    project = PROJECT["project"]
    optional = project["optional-dependencies"], PROJECT["dependency-groups"]
    yield from project["dependencies"]
    for groups in optional:
        for group in groups.values():
            yield from (entry for entry in group if isinstance(entry, str))


def test_every_dependency_has_a_version_to_test_with() -> None:
    names = {_plain(re.split(r"[^\w.-]", text)[0]) for text in _requirements()}
    pinned = {_plain(name) for name in re.findall(r"^([\w.-]+)==", CONSTRAINTS, re.MULTILINE)}
    assert names - pinned == set()


def test_ci_runs_what_a_developer_runs() -> None:
    script = ROOT / ".ci" / "run"
    assert os.access(script, os.X_OK)
    assert script.read_text("utf-8").rstrip().endswith("make test && exec make test-extras")


def test_make_lists_what_there_is_to_make() -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    phony = re.findall(r"^\.PHONY: (.*)$", makefile.replace("\\\n", ""), re.MULTILINE)
    targets = {target for line in phony for target in line.split()}
    result = subprocess.run(
        ["make", "--no-print-directory", "help"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert {line.split()[1] for line in result.stdout.splitlines()} == targets


def test_hooks_run_tools_that_make_installs() -> None:
    config = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text("utf-8"))
    hooks = [hook for repository in config["repos"] for hook in repository["hooks"]]
    tools = {Path(hook["entry"].split()[0]) for hook in hooks}
    assert {tool.parent for tool in tools} == {Path(".venv/bin")}
    assert all(Path(sys.executable).with_name(tool.name).exists() for tool in tools), tools


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
