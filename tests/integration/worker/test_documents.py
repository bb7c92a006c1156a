"""Columns that hold documents: parsed by the worker, as files are."""

from __future__ import annotations

import pytest

import embeddb
from embeddb.errors import ColumnNotFoundError, ConfigurationError, ExpressionError
from embeddb.worker import Worker, WorkerOptions
from tests.support.attaching import attach, pending
from tests.support.encoders import HashEncoder
from tests.support.postgres import rows, session

PAGE = (
    "<html><head><title>Brewing</title></head><body><h1>Tea</h1>"
    "<p>Green tea wants eighty degrees.</p><script>nothing()</script></body></html>"
)
CHUNKS = "SELECT id, content FROM embeddb.papers_g1 ORDER BY id, chunk_no"


def papers(url: str, *given: tuple[str | None, bytes]) -> None:
    """Create a table of documents of any kind."""
    rows(url, "CREATE TABLE papers (id serial PRIMARY KEY, kind text, body bytea, page text)")
    with session(url) as connection:
        for kind, body in given:
            statement = "INSERT INTO papers (kind, body) VALUES (%s, %s)"
            connection.execute(statement, [kind, body])


def work(store: embeddb.Store) -> None:
    """Let a worker do all there is to do."""
    options = WorkerOptions(once=True, retry_seconds=0.05, poll_seconds=0.2)
    Worker(store, options, encoders={"papers": HashEncoder()}).run()


def test_a_column_of_markup_is_encoded_without_it(store: embeddb.Store) -> None:
    papers(store.url)
    rows(store.url, "INSERT INTO papers (page) VALUES (%s), (NULL)", [PAGE])
    found = attach(store, "papers", "page", media_type="text/html")
    work(store)
    texts = " ".join(row[1] for row in rows(store.url, CHUNKS))
    assert "eighty degrees" in texts
    assert "<p>" not in texts
    assert "nothing()" not in texts
    hit = found.search(HashEncoder().encode(["eighty degrees"], "query")[0], 1)[0]
    assert hit.location is not None
    assert hit.location["headings"] == ["Tea"]
    rows(store.url, "UPDATE papers SET page = NULL WHERE id = 1")
    work(store)
    assert rows(store.url, CHUNKS) == []


def test_bytes_are_parsed_as_their_row_says(store: embeddb.Store) -> None:
    papers(
        store.url,
        ("text/html", PAGE.encode()),
        ("text/plain; charset=latin-1", "caf\u00e9".encode("latin-1")),
        (None, PAGE.encode()),
        ("text/markdown", b"# Cake\n\nwith tea"),
    )
    attach(store, "papers", "body", media_type_column="kind")
    work(store)
    stored: dict[str, str] = dict(rows(store.url, CHUNKS))
    assert "eighty degrees" in stored["1"]
    assert stored["2"] == "caf\u00e9"
    assert "eighty degrees" in stored["3"]
    assert "with tea" in stored["4"]
    rows(store.url, "UPDATE papers SET kind = 'text/plain' WHERE id = 4")
    assert list(pending(store.url, "papers")) == ["4"]


def test_what_cannot_be_parsed_fails_alone_and_says_why(store: embeddb.Store) -> None:
    papers(
        store.url,
        ("text/plain", b"fine"),
        ("application/pdf", b"%PDF-1.4 broken"),
        ("image/png", b"\x89PNG\r\n\x1a\n"),
        ("text/plain; charset=klingon", b"x"),
        ("text/plain", b""),
    )
    attach(store, "papers", "body", media_type_column="kind")
    work(store)
    assert rows(store.url, CHUNKS) == [("1", "fine")]
    failed: dict[str, str] = dict(rows(store.url, "SELECT key, error FROM embeddb.failed_jobs"))
    assert failed.keys() == {"2", "3", "4"}
    assert failed["3"] == failed["4"] == "UnsupportedFormatError"
    assert pending(store.url, "papers") == {}


def test_a_declaration_that_makes_no_sense_is_refused(store: embeddb.Store) -> None:
    papers(store.url)
    with pytest.raises(ExpressionError, match="media_type"):
        attach(store, "papers", "body")
    with pytest.raises(ExpressionError, match="one column"):
        attach(store, "papers", "kind, page", media_type="text/html")
    with pytest.raises(ColumnNotFoundError, match="kinds"):
        attach(store, "papers", "body", media_type_column="kinds")
    with pytest.raises(ConfigurationError, match="not both"):
        attach(store, "papers", "body", media_type="text/html", media_type_column="kind")
