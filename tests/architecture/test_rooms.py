"""docs/architecture.md lists what there is: rooms, layers, tables, functions, and files."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

import pytest

from embeddb.db.queries import scripts
from tests.architecture.code import ROOT

ARCHITECTURE = ROOT / "docs" / "architecture.md"
DECISIONS = ROOT / "docs" / "decisions"

Row = list[str]

_ROOMS = "Rooms of `"
_CODE = re.compile(r"`([^`\n]+)`")
_PATH = re.compile(r"(?:embeddb|sql|migrations|tests|docs|benchmarks|\.ci)/[\w./*-]*")


def _tables(text: str) -> dict[str, list[Row]]:
    """Return the rows of the table below each heading, the first row being its head."""
    found: dict[str, list[Row]] = {}
    heading = ""
    for line in text.splitlines():
        if line.startswith("#"):
            heading = line.lstrip("#").strip()
        elif line.startswith("|") and not re.fullmatch(r"[|:\s-]+", line):
            cells = [cell.strip() for cell in line.strip("|").split("|")]
            found.setdefault(heading, []).append(cells)
    return found


TABLES = _tables(ARCHITECTURE.read_text("utf-8"))

LISTED = {
    heading.removeprefix(_ROOMS).rstrip("`"): rows[1:]
    for heading, rows in TABLES.items()
    if heading.startswith(_ROOMS)
}
"""The rows of each table of rooms, by the package that the rooms are in."""


def _layers() -> dict[str, list[set[str]]]:
    """Return the layers of each import contract, the top one first, by the package it is about."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    return {
        container: [set(re.split(r"\s*[|:]\s*", layer)) for layer in contract["layers"]]
        for contract in project["tool"]["importlinter"]["contracts"]
        if contract["type"] == "layers"
        for container in contract["containers"]
    }


LAYERS = _layers()


def _is_package(folder: Path) -> bool:
    return (folder / "__init__.py").is_file()


def _containers() -> set[str]:
    """Return every package that has packages inside it."""
    inits = (ROOT / "embeddb").rglob("__init__.py")
    return {
        ".".join(init.parent.parent.relative_to(ROOT).parts)
        for init in inits
        if init.parent.parent != ROOT
    }


def _there(container: str) -> set[str]:
    """Return the rooms that a package has: packages, and modules where a contract names them."""
    folder = ROOT.joinpath(*container.split("."))
    rooms = {entry.name for entry in folder.iterdir() if _is_package(entry)}
    if container in LAYERS:
        rooms |= {file.stem for file in folder.glob("*.py")} - {"__init__"}
    return rooms


def _named(rows: list[Row], column: int) -> list[str]:
    return [name for row in rows for name in _CODE.findall(row[column])]


def _first_column(heading: str) -> set[str]:
    return set(_named(TABLES.get(heading, [])[1:], 0))


def _check(what: str, *, listed: set[str], there: set[str]) -> None:
    """Check that the page lists what is there."""
    wrong = [
        *(f"add {name}" for name in sorted(there - listed)),
        *(f"remove {name}" for name in sorted(listed - there)),
    ]
    assert not wrong, f"edit docs/architecture.md, {what}: {', '.join(wrong)}"


def test_every_package_with_rooms_has_a_table() -> None:
    _check("the headings “Rooms of …”", listed=set(LISTED), there=_containers())


@pytest.mark.parametrize("container", sorted(_containers()))
def test_every_room_is_listed(container: str) -> None:
    column = 1 if container in LAYERS else 0
    listed = _named(LISTED.get(container, []), column)
    assert len(listed) == len(set(listed)), f"a room of {container} is listed twice"
    _check(f"the rooms of {container}", listed=set(listed), there=_there(container))


@pytest.mark.parametrize("container", sorted(LISTED))
def test_every_room_is_described(container: str) -> None:
    silent = [row for row in LISTED[container] if len(row[-1]) < len("One line.")]
    assert not silent, f"docs/architecture.md says nothing of these rooms of {container}: {silent}"


@pytest.mark.parametrize("container", sorted(LAYERS))
def test_floors_are_the_layers_of_the_import_contract(container: str) -> None:
    rows = LISTED.get(container, [])
    floors = [int(row[0]) for row in rows]
    assert floors == sorted(floors, reverse=True), f"list the floors of {container} from the top"
    listed = [set(_named(list(same), 1)) for _, same in groupby(rows, key=lambda row: row[0])]
    assert listed == LAYERS[container], (
        f"The floors of {container} in docs/architecture.md are not the layers of its import "
        f"contract in pyproject.toml: edit the one that is wrong.\n"
        f"page:     {_shown(listed)}\ncontract: {_shown(LAYERS[container])}"
    )


def _shown(layers: list[set[str]]) -> str:
    return " > ".join(" | ".join(sorted(layer)) for layer in layers)


def test_every_table_of_the_schema_is_listed() -> None:
    listed = _first_column("Tables of the schema")
    _check("the tables of the schema", listed=listed, there=set(_created_tables()))


def _created_tables() -> Iterator[str]:
    for file in (ROOT / "migrations" / "versions").glob("[0-9]*.py"):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "op.create_table":
                yield ast.literal_eval(node.args[0])


@pytest.mark.parametrize(
    ("heading", "folder"),
    [("Functions of the schema", "functions"), ("Views of the schema", "views")],
)
def test_every_function_and_view_is_listed(heading: str, folder: str) -> None:
    _check(heading.lower(), listed=_first_column(heading), there=set(scripts(folder)))


def _pages() -> list[Path]:
    pages = (ARCHITECTURE, ROOT / "docs" / "glossary.md", ROOT / "CONTRIBUTING.md")
    return [*pages, *DECISIONS.glob("*.md")]


@pytest.mark.parametrize("page", _pages(), ids=lambda page: page.name)
def test_every_file_that_a_page_names_is_there(page: Path) -> None:
    named = set(filter(_PATH.fullmatch, _CODE.findall(page.read_text("utf-8"))))
    gone = [name for name in sorted(named) if not any(ROOT.glob(name.rstrip("/")))]
    assert not gone, f"{page.relative_to(ROOT)} names what is not there: {', '.join(gone)}"


def test_the_decisions_are_numbered_and_indexed() -> None:
    index = (DECISIONS / "index.md").read_text("utf-8")
    linked = re.findall(r"\]\((\d{4}-[\w-]+\.md)\)", index)
    files = sorted(page.name for page in DECISIONS.glob("[0-9]*.md"))
    assert linked == files, "docs/decisions/index.md lists every decision once, by its number"
    numbers = [int(name[:4]) for name in files]
    assert numbers == list(range(1, len(files) + 1))
