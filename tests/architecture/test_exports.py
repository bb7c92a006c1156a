"""What a package offers is listed, in order, and is there."""

from __future__ import annotations

import ast
import importlib
from pathlib import Path

import pytest

from tests.architecture.code import ROOT, trees


def _sorted_as_ruff_does(names: list[str]) -> list[str]:
    constants = sorted(name for name in names if name.isupper())
    classes = sorted(name for name in names if name[:1].isupper() and not name.isupper())
    return constants + classes + sorted(name for name in names if not name[:1].isupper())


def _listed(tree: ast.Module) -> list[str] | None:
    for node in tree.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            return [str(name) for name in ast.literal_eval(node.value)]
    return None


def _module(name: str) -> str:
    return ".".join(Path(name).with_suffix("").parts).removesuffix(".__init__")


LISTS = {_module(name): names for name, tree in trees() if (names := _listed(tree)) is not None}


@pytest.mark.parametrize("module", sorted(LISTS))
def test_each_listed_name_is_there(module: str) -> None:
    loaded = importlib.import_module(module)
    assert [name for name in LISTS[module] if not hasattr(loaded, name)] == []


@pytest.mark.parametrize("module", sorted(LISTS))
def test_lists_are_in_order(module: str) -> None:
    assert LISTS[module] == _sorted_as_ruff_does(LISTS[module])


def test_the_front_door_lists_all_it_imports() -> None:
    tree = ast.parse((ROOT / "embeddb" / "__init__.py").read_text("utf-8"))
    imported = {
        name.asname or name.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("embeddb.")
        for name in node.names
    }
    assert imported | {"__version__"} == set(LISTS["embeddb"])
