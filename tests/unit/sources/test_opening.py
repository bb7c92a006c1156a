"""What a path is read as."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from embeddb.errors import SourceError
from embeddb.records import Document
from embeddb.sources import CSV, Files, open_source
from embeddb.sources.together import Together
from tests.support.sources import put

LINE = '{"id": "a", "content": "x"}\n'
ROWS = "id,content\nb,x\nc,y\n"


def ids(path: str | Path) -> list[str]:
    return [item.id for item in open_source(path).documents() if isinstance(item, Document)]


@pytest.mark.parametrize("folder", ["plain", "[2024] exports", "what? *"])
@pytest.mark.parametrize("name", ["rows[1].csv", "why?.csv", "all*.csv"])
def test_a_path_that_exists_is_no_glob(tmp_path: Path, folder: str, name: str) -> None:
    path = put(tmp_path / folder / name, ROWS)
    assert isinstance(open_source(path), CSV)
    assert ids(str(path)) == ["b", "c"]


def test_a_folder_that_exists_is_no_glob(tmp_path: Path) -> None:
    folder = tmp_path / "[x] y"
    put(folder / "one.md", "text")
    assert [item.id for item in Files(folder / "*.md").documents()] == ["one.md"]
    assert isinstance(open_source(folder), Files)


def test_a_glob_of_files_of_rows_is_read_by_row(tmp_path: Path) -> None:
    put(tmp_path / "a.jsonl", LINE)
    put(tmp_path / "b.CSV", ROWS)
    assert isinstance(open_source(tmp_path / "*"), Together)
    assert ids(tmp_path / "*") == ["a", "b", "c"]
    assert ids(tmp_path / "[ab].*") == ["a", "b", "c"]
    one = open_source(tmp_path / "*.jsonl")
    assert isinstance(one, Together) and one.path == tmp_path / "*.jsonl"


def test_a_glob_of_other_files_too_is_read_as_a_folder_is(tmp_path: Path) -> None:
    put(tmp_path / "a.md", "text")
    put(tmp_path / "b.csv", ROWS)
    assert ids(tmp_path / "*") == ["a.md", "b.csv"]


def test_suffixes_may_be_large(tmp_path: Path) -> None:
    put(tmp_path / "A.JSONL.GZ", gzip.compress(LINE.encode()))
    put(tmp_path / "B.Csv.Gz", gzip.compress(ROWS.encode()))
    assert ids(tmp_path / "A.JSONL.GZ") == ["a"]
    assert ids(tmp_path / "B.Csv.Gz") == ["b", "c"]


@pytest.mark.parametrize("name", ["gone.csv", "gone/*.csv", "gone/a[1].csv"])
def test_what_is_not_there_is_named(tmp_path: Path, name: str) -> None:
    with pytest.raises(SourceError, match="There is no file"):
        open_source(tmp_path / name)
