"""Named SQL: every block is a sentence and a statement."""

from __future__ import annotations

import re
from importlib import resources

import pytest
from psycopg import sql

from embeddb.db.queries import Name, query, script, scripts

FILES = sorted(
    entry.name.removesuffix(".sql")
    for entry in (resources.files("embeddb.sql") / "queries").iterdir()
    if entry.name.endswith(".sql")
)


@pytest.mark.parametrize("file", FILES)
def test_each_block_has_a_name_of_its_own_a_sentence_and_a_statement(file: str) -> None:
    text = (resources.files("embeddb.sql") / "queries" / (file + ".sql")).read_text("utf-8")
    parts = re.split(r"^-- name: (.*)\n", text, flags=re.M)
    assert parts[0] == ""
    names, bodies = parts[1::2], parts[2::2]
    assert len(set(names)) == len(names)
    for name, body in zip(names, bodies, strict=True):
        lines = body.strip().splitlines()
        comment = [line for line in lines if line.startswith("-- ")]
        assert comment, name
        assert comment[-1].endswith("."), name
        assert not body.strip().endswith(";"), name
        assert re.fullmatch(r"\w+", name)


def test_a_name_is_quoted_and_its_percent_signs_doubled() -> None:
    assert Name("a", '100% "b"').as_string() == '"a"."100%% ""b"""'
    assert sql.Identifier("100%").as_string() == '"100%"'


def test_a_statement_is_filled_with_what_it_names() -> None:
    statement = query("documents.count_chunks", chunks=Name("s", "t_g1"))
    assert statement.as_string().endswith('FROM "s"."t_g1"')
    with pytest.raises(KeyError):
        query("documents.count_chunks")
    with pytest.raises(KeyError):
        query("documents.no_such_query")


def test_scripts_are_listed_by_name() -> None:
    found = scripts("functions")
    assert found == sorted(found)
    assert "filter_path" in found
    text = script("functions", "filter_path", schema=sql.Identifier("s")).as_string()
    assert 'FUNCTION "s".filter_path' in text
