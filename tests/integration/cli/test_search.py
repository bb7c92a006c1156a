"""`embeddb search` for people: what it shows, and why there is nothing."""

from __future__ import annotations

import pytest

import embeddb
from tests.support.attaching import articles
from tests.support.cli import MODEL, commands, run
from tests.support.postgres import rows


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (("--filter", '{"year": 1900}'), "No document of 30 passes the filter"),
        (("--max-distance", "0"), "beyond --max-distance 0"),
        (
            ("--max-distance", "0", "--filter", '{"year": 2003}'),
            "nearest chunk of what passes the filter is at distance ",
        ),
    ],
)
def test_an_empty_answer_says_why(url: str, options: tuple[str, ...], why: str) -> None:
    found = run("search", "notes", "zebra", *options, dsn=url)
    assert (found.returncode, found.stdout) == (0, "")
    assert "Nothing found" in found.stderr
    assert why in found.stderr


def test_an_empty_collection_says_so(store: embeddb.Store) -> None:
    store.create_collection("none", model=None, dim=3)
    found = run("search", "none", "--vector", "[1, 0, 0]", dsn=store.url)
    assert (found.returncode, found.stdout) == (0, "")
    assert "is empty: fill it with `embeddb ingest`" in found.stderr
    articles(store.url, 3)
    ran = run("attach", "public.articles", "--text", "body", "--model", MODEL, dsn=store.url)
    assert ran.returncode == 0
    found = run("search", "articles", "x", dsn=store.url)
    assert "No row of 3 of 'articles' is encoded yet: run `embeddb worker`" in found.stderr


def test_similar_documents_of_the_only_one(store: embeddb.Store) -> None:
    docs = store.create_collection("one", model=None, dim=3)
    docs.add([{"id": "a", "embedding": [1, 0, 0]}])
    found = run("search", "one", "--similar-to", "a", dsn=store.url)
    assert (found.returncode, found.stdout) == (0, "")
    assert "holds nothing else" in found.stderr


def test_json_says_nothing_of_it(url: str) -> None:
    found = run("search", "notes", "zebra", "--max-distance", "0", "--json", dsn=url)
    assert found.stderr == ""
    assert '"hits": []' in found.stdout


def test_hits_are_shown_with_their_place(url: str) -> None:
    found = run("search", "notes", "note number 3", "-n", "1", dsn=url)
    assert "1. n3  chunk 0  score " in found.stdout
    assert "   note number 3\n" in found.stdout
    assert "1 chunks in" in found.stdout


@pytest.mark.parametrize("words", sorted(commands()), ids=" ".join)
def test_every_command_has_a_short_option_for_help(words: tuple[str, ...]) -> None:
    found = run(*words, "-h")
    assert found.returncode == 0
    assert "Usage:" in found.stdout


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ('search notes --vector "x"', "JSON array"),
        ("search notes x --max-distance nan", "NaN"),
        ("search notes x --dsn=", "empty"),
        ("search notes x --schema=", "empty"),
        ("migrate --to=", "revision"),
        ("worker --once --collections=", "names no collection"),
    ],
)
def test_what_says_nothing_is_refused(url: str, line: str, told: str) -> None:
    found = run(*line.split(), dsn=url)
    assert found.returncode == 2
    assert told in " ".join(found.stderr.replace("│", " ").split())


def test_a_list_in_a_pipe_has_a_line_for_each_collection(url: str) -> None:
    lines = run("collection", "list", dsn=url).stdout.splitlines()
    assert [line.split()[0] for line in lines] == [
        "collection",
        *(row[0] for row in rows(url, "SELECT name FROM embeddb.collections ORDER BY 1")),
    ]


def test_a_search_may_take_only_so_long(url: str) -> None:
    found = run("search", "notes", "zebra", "--timeout", "0.000000001", dsn=url)
    assert found.returncode == 1
    assert "The timeout of 1e-09 s was over" in found.stderr
    assert run("search", "notes", "zebra", "--timeout", "60", dsn=url).returncode == 0
    assert run("search", "notes", "zebra", "--timeout", "1", "--plan", dsn=url).returncode == 2
