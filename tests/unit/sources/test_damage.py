"""Files that are damaged, or that change while they are read, fail as far as the damage goes."""

from __future__ import annotations

import csv
import gzip
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

from embeddb.errors import SourceError
from embeddb.records import Document, Failure
from embeddb.sources import CSV, Files, JSONLines, Parquet, Records, delimited
from embeddb.sources.tree import Disk
from embeddb.sources.walk import Walk
from tests.support.sources import put, read


@pytest.fixture
def short_fields(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let the csv module take fields of ten characters, and put its limit back."""
    monkeypatch.setattr(delimited, "MAX_FIELD_CHARACTERS", 10)
    before = csv.field_size_limit(10)
    yield
    csv.field_size_limit(before)


@pytest.mark.usefixtures("short_fields")
def test_a_csv_row_that_cannot_be_parsed_fails_alone(tmp_path: Path) -> None:
    path = put(tmp_path / "a.csv", f"id,content\na,one\nb,{'x' * 20}\nc,three\n")
    documents, (failure,) = read(CSV(path))
    assert list(documents) == ["a", "c"]
    assert (failure.id, failure.error) == ("line 3", "UnreadableDocumentError")


@pytest.mark.usefixtures("short_fields")
def test_a_csv_header_that_cannot_be_parsed_fails_the_file(tmp_path: Path) -> None:
    path = put(tmp_path / "a.csv", f"id,{'x' * 20}\na,one\n")
    with pytest.raises(SourceError, match=r"The header of .*a\.csv cannot be read"):
        list(CSV(path).documents())


def test_an_empty_csv_file_has_no_documents(tmp_path: Path) -> None:
    path = put(tmp_path / "a.csv", "")
    assert read(CSV(path)) == ({}, [])
    assert CSV(path).count() is None


def test_an_encoding_that_does_not_fit_fails_the_file(tmp_path: Path) -> None:
    path = put(tmp_path / "a.csv", b"\xff\xfei\x00d\x00\n")
    with pytest.raises(SourceError, match=r"a\.csv cannot be read"):
        list(CSV(path, encoding="utf-16").documents())


def test_a_truncated_archive_gives_what_comes_before_the_damage(tmp_path: Path) -> None:
    lines = "".join(f'{{"id": "{n}", "content": "text {n}"}}\n' for n in range(20_000))
    path = put(tmp_path / "a.jsonl.gz", gzip.compress(lines.encode())[:-200])
    found: list[Document | Failure] = []
    with pytest.raises(SourceError, match="cannot be read"):
        for item in JSONLines(path).documents():
            found.append(item)
    assert 15_000 < len(found) < 20_000
    assert JSONLines(path).count() is None


def test_a_damaged_page_of_a_parquet_file_is_a_source_error(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    texts = [f"text {n} of many" for n in range(5_000)]
    table = pa.table({"id": [str(n) for n in range(5_000)], "content": texts})
    parquet.write_table(table, path, compression="zstd", use_dictionary=False)
    data = bytearray(path.read_bytes())
    data[200:2_000] = b"\xff" * 1_800
    path.write_bytes(bytes(data))
    assert Parquet(path).count() == 5_000  # the footer is whole
    with pytest.raises(SourceError, match=r"a\.parquet cannot be read"):
        list(Parquet(path).documents())


def test_a_file_that_vanishes_while_a_folder_is_read_fails_alone(tmp_path: Path) -> None:
    for name in "abc":
        put(tmp_path / f"{name}.txt", f"Text {name}.")
    items = Files(tmp_path).documents()
    first = next(items)
    (tmp_path / "b.txt").unlink()
    rest = list(items)
    assert isinstance(first, Document) and first.id == "a.txt"
    lost, last = rest
    assert isinstance(lost, Failure) and lost.error == "UnreadableDocumentError"
    assert lost.id == "b.txt"
    assert isinstance(last, Document) and last.id == "c.txt"


def test_a_folder_that_vanishes_is_named(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"The folder .*gone cannot be read"):
        list(Walk(Disk(tmp_path / "gone")).items())


def test_the_error_of_an_iterable_is_kept_as_its_cause() -> None:
    def broken() -> Iterator[str]:
        yield "one"
        raise KeyError("column")

    items = Records(broken()).documents()
    assert isinstance(next(items), Document)
    with pytest.raises(SourceError, match="The iterable of documents failed: KeyError") as caught:
        next(items)
    assert isinstance(caught.value.__cause__, KeyError)


def test_a_source_error_of_an_iterable_is_passed_on_as_it_is() -> None:
    def broken() -> Iterator[str]:
        yield from ()
        raise SourceError("the feed is gone")

    with pytest.raises(SourceError, match=r"^the feed is gone$"):
        list(Records(broken()).documents())
