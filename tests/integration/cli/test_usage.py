"""What is not understood ends with exit code 2, before any server is asked."""

from __future__ import annotations

import pytest

from tests.support.cli import run

NOWHERE = "postgresql://nobody@127.0.0.1:1/nothing"


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("collection create docs", "--dim"),
        ("collection create docs --model m --dim 3", "--dim"),
        ("collection create docs --dim 3 --index tree", "--index"),
        ("collection create docs --dim 3 --m 8 --index ivfflat", "--m"),
        ("collection create docs --dim 3 --partitions 4", "--partition-by"),
        ("collection create docs --dim 3 --storage float8", "--storage"),
        ("attach articles --text body", "--model"),
        ("attach articles --text body --model m --storage float8", "--storage"),
        ("attach articles --text body --model m --distance far", "--distance"),
        ("attach articles --text body --model m --transform shrink", "--transform"),
        ("attach articles --text body --model m --partial-value x", "--partition-by"),
        ("attach articles --text body --model m --lists 4", "--lists"),
        ("convert docs --storage float8", "--storage"),
        ("convert docs --transform shrink", "--transform"),
        ("convert docs --index ivfflat --ef-search 9", "--ef-search"),
        ("index build docs --index none", "index drop"),
        ("index build docs --index ivfpq --on bit", "--on"),
        ("index repair", "--all"),
        ("index repair docs --all", "--all"),
        ("ingest docs", "--query"),
        ("ingest docs ./x --table articles", "--table"),
        ("ingest docs - --format xml", "--format"),
        ("search docs", "TEXT"),
        ("search docs x --vector [1]", "--vector"),
        ("search docs --similar-to a --exact", "--similar-to"),
        ("search docs --vector {", "not JSON"),
        ("search docs x --filter 3", "JSON object"),
        ("delete docs", "--id"),
        ("delete docs --id a --filter {}", "--filter"),
        ("recall docs --history --fail-under 0.5", "--fail-under"),
        ("recall docs --sample 0", "--sample"),
        ("tune docs --recall 1.5", "--recall"),
        ("compress docs --rows -3", "--rows"),
        ("compress docs --plot x.svg", "--plot"),
        ("migrate --sql --to base", "--to"),
        ("grant king somebody", "king"),
        ("worker --concurrency 0", "--concurrency"),
        ("jobs list --limit 0", "--limit"),
    ],
)
def test_a_wrong_use_is_told_with_its_option(line: str, told: str) -> None:
    result = run(*line.split(), dsn=NOWHERE)
    assert result.returncode == 2, result.stderr
    assert told in " ".join(result.stderr.replace("│", " ").split())
    assert result.stdout == ""


def test_a_number_that_is_none_for_a_worker_is_an_error() -> None:
    result = run("worker", "--lease-seconds", "0", dsn=NOWHERE)
    assert result.returncode == 1 and "lease_seconds must be above 0" in result.stderr


def test_a_malformed_setting_is_told() -> None:
    result = run("status", dsn="host=here colour=red")
    assert result.returncode == 1 and "malformed" in result.stderr
    checked = run("doctor", dsn="host=here colour=red")
    assert checked.returncode == 1 and "malformed" in " ".join(checked.stdout.split())
