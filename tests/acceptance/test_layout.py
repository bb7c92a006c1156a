"""`embeddb collection create --partition-by …`."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.conftest import RunCLI


def _create(run_cli: RunCLI, dsn: str, *options: str) -> dict[str, Any]:
    done = run_cli("collection", "create", "docs", "--dim", "3", *options, "--json", dsn=dsn)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize(
    ("options", "layout"),
    [
        ((), {}),
        (("--partition-by", "tenant"), {"kind": "hash", "field": "tenant", "partitions": 16}),
        (
            ("--partition-by", "tenant", "--partitions", "4"),
            {"kind": "hash", "field": "tenant", "partitions": 4},
        ),
        (
            ("--partition-by", "lang", "--partition-value", "en", "--partition-value", "de"),
            {"kind": "list", "field": "lang", "values": ["en", "de"]},
        ),
        (
            ("--partition-by", "lang", "--partial-value", "en"),
            {"kind": "partial", "field": "lang", "values": ["en"]},
        ),
    ],
)
def test_a_collection_is_laid_out_as_the_options_say(
    run_cli: RunCLI, database: str, options: tuple[str, ...], layout: dict[str, Any]
) -> None:
    assert _create(run_cli, database, *options)["layout"] == layout


def test_what_is_shown_names_the_layout(run_cli: RunCLI, database: str) -> None:
    _create(run_cli, database, "--partition-by", "lang", "--partition-value", "en")
    shown = run_cli("collection", "show", "docs", dsn=database)
    assert "by lang, a partition for each of en" in shown.stdout


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (("--partitions", "4"), "needs --partition-by"),
        (("--partial-value", "en"), "needs --partition-by"),
        (("--partition-by", "a", "--partitions", "1"), "from 2 to 256"),
        (("--partition-by", "a", "--partitions", "4", "--partition-value", "x"), "one of them"),
        (("--partition-by", "$a"), "names no field"),
        (("--partition-by", "a", "--index", "ivfpq"), "know nothing of a layout"),
    ],
)
def test_what_contradicts_itself_is_a_wrong_use(
    run_cli: RunCLI, database: str, options: tuple[str, ...], problem: str
) -> None:
    done = run_cli("collection", "create", "docs", "--dim", "3", *options, dsn=database)
    assert done.returncode == 2
    assert problem in " ".join(done.stderr.replace("│", " ").split())
    listed = run_cli("collection", "list", "--json", dsn=database)
    assert json.loads(listed.stdout) == []
