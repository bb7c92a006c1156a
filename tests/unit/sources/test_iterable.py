"""Documents from Python itself."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from embeddb.errors import ConfigurationError, SourceError
from embeddb.records import Document, Failure
from embeddb.sources import CSV, Files, JSONLines, Parquet, PythonDocs, Records, open_source
from tests.support.sources import put, read


def test_documents_dicts_texts_and_pairs_are_taken() -> None:
    given = Document(id="d", content="x")
    vector = np.array([1, 2], dtype=np.float64)
    items = [
        given,
        {"id": "a", "content": "x", "metadata": {"n": 1}, "uri": "u", "media_type": "m"},
        {"id": "b", "embedding": vector},
        ("c", "text"),
        "text",
    ]
    documents, failures = read(Records(items))
    assert failures == []
    assert documents["d"] is given
    assert documents["a"] == Document(
        id="a", content="x", metadata={"n": 1}, uri="u", media_type="m"
    )
    embedding = documents["b"].embedding
    assert embedding is not None
    assert embedding.dtype == np.float32
    assert documents["c"].content == "text"
    assert len(documents) == 5


def test_the_id_of_a_text_depends_on_nothing_else() -> None:
    (first,), (second,) = read(Records(["text"]))[0], read(Records(["text"]))[0]
    assert first == second
    assert len(first) == 32


@pytest.mark.parametrize(
    ("item", "message"),
    [
        ({"id": "a", "content": "x", "title": "t"}, "unknown keys title"),
        ({"content": "x"}, "the id is missing"),
        ({"id": "a", "content": b"x"}, "type bytes"),
        ({"id": "a", "content": "x", "metadata": [1]}, "type list"),
        ({"id": "a", "embedding": "soon"}, "not a flat list of numbers"),
        ({"id": "a", "embedding": object()}, "not a flat list of numbers"),
        ({"id": 1.5, "content": "x"}, "type float"),
        (7, "a int is not a document"),
        (("a", "b", "c"), "a tuple is not a document"),
    ],
)
def test_a_wrong_item_fails_alone_and_is_numbered(item: object, message: str) -> None:
    documents, (failure,) = read(Records(["good", item, "better"]))
    assert len(documents) == 2
    assert "record 2" in failure.id + failure.message
    assert message in failure.message


def test_failures_are_passed_on() -> None:
    failure = Failure(id="a", error="E", message="m")
    assert read(Records([failure])) == ({}, [failure])


def test_an_iterable_that_raises_is_a_source_error_with_its_cause() -> None:
    def broken() -> Iterator[str]:
        yield "good"
        raise ValueError("the disk is gone")

    documents = Records(broken()).documents()
    next(documents)
    with pytest.raises(SourceError, match="ValueError: the disk is gone") as raised:
        next(documents)
    assert isinstance(raised.value.__cause__, ValueError)


def test_an_iterable_is_read_as_it_is_asked_for() -> None:
    asked: list[int] = []

    def endless() -> Iterator[str]:
        while True:
            asked.append(1)
            yield f"text {len(asked)}"

    documents = Records(endless()).documents()
    for _ in range(3):
        next(documents)
    assert len(asked) == 3


def test_only_what_has_a_length_is_counted() -> None:
    assert Records(["a", "b"]).count() == 2
    assert Records(iter(["a"])).count() is None


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("a.jsonl", JSONLines),
        ("a.ndjson", JSONLines),
        ("A.JSONL", JSONLines),
        ("a.jsonl.gz", JSONLines),
        ("a.csv", CSV),
        ("a.tsv", CSV),
        ("a.parquet", Parquet),
        ("a.md", Files),
        ("noun", Files),
    ],
)
def test_a_path_is_opened_by_its_suffix(tmp_path: Path, name: str, kind: type) -> None:
    path = put(tmp_path / name, "text")
    assert type(open_source(path)) is kind
    assert type(open_source(str(path))) is kind


def test_folders_and_globs_are_files(tmp_path: Path) -> None:
    put(tmp_path / "odd.csv" / "a.csv", "id,content\n")
    assert type(open_source(tmp_path / "odd.csv")) is Files
    put(tmp_path / "texts" / "a.md", "text")
    assert type(open_source(f"{tmp_path}/texts/*.md")) is Files


def test_a_source_is_itself() -> None:
    source = PythonDocs(())
    assert open_source(source) is source
    assert open_source([]) == Records([])


@pytest.mark.parametrize("path", ["/no/such", "/no/such.jsonl", "no-such.parquet"])
def test_a_path_that_is_not_there_is_named(path: str) -> None:
    with pytest.raises(SourceError, match="There is no file or folder"):
        open_source(path)


@pytest.mark.parametrize("given", [{"id": "a"}, Document(id="a", content="x"), b"text", 7, None])
def test_what_is_no_source_is_refused(given: object) -> None:
    with pytest.raises(ConfigurationError, match="is not a source"):
        open_source(given)
