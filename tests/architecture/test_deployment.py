"""The files that others start embeddb from say what is true."""

from __future__ import annotations

import os
import re
import subprocess
import tomllib
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]

from tests.architecture.code import ROOT

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


def test_every_dependency_has_a_version_to_test_with() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    groups = [project["dependencies"], *project["optional-dependencies"].values()]
    names = {re.split(r"[^\w.-]", text)[0] for group in groups for text in group}
    pinned = re.findall(r"^([\w.-]+)==", CONSTRAINTS, re.MULTILINE)
    assert {_plain(name) for name in names} - {_plain(name) for name in pinned} == set()


def test_ci_runs_what_a_developer_runs() -> None:
    script = ROOT / ".ci" / "run"
    assert os.access(script, os.X_OK)
    assert script.read_text("utf-8").rstrip().endswith("exec make test")


def test_make_says_what_there_is_to_make() -> None:
    result = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert {"demo", "test", "lint"} <= {line.split()[1] for line in result.stdout.splitlines()}


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
