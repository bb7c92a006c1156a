"""The types of CSV columns: inferred, given, remembered, and never lossy without a word."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest

from embeddb.errors import SourceError
from embeddb.protocols import TypedSource
from embeddb.records import Document, Failure
from embeddb.sources import CSV, csv
from embeddb.sources.csv import DelimitedReader
from embeddb.sources.delimited import Dialect
from embeddb.sources.rows import Columns
from embeddb.sources.together import Together
from tests.support.sources import put, read


def column(folder: Path, *values: str, name: str = "a.csv") -> Path:
    rows = "".join(f"{number},x,{value}\n" for number, value in enumerate(values))
    return put(folder / name, "id,content,v\n" + rows)


def values(source: CSV) -> list[Any]:
    return [document.metadata["v"] for document in read(source)[0].values()]


@pytest.mark.parametrize(
    ("given", "kind", "expected"),
    [
        (("1979", "-5", "0", ""), "int", [1979, -5, 0, None]),
        (("123456789012345678901234", "1"), "int", [123456789012345678901234, 1]),
        (("8.5", "10", "-0.25"), "float", [8.5, 10.0, -0.25]),
        (("9.90", "10.50", "3"), "float", [9.9, 10.5, 3.0]),
        (("1e-05", "0.5"), "float", [1e-05, 0.5]),
        (("true", "false", ""), "bool", [True, False, None]),
        (("True", "False"), "bool", [True, False]),
        (("2020-01-02", ""), "date", ["2020-01-02", None]),
        (("2020-01-02T03:04:05Z",), "datetime", ["2020-01-02T03:04:05Z"]),
        (("007", "8"), "text", ["007", "8"]),
        (("+49", "1"), "text", ["+49", "1"]),
        (("1e5", "2"), "text", ["1e5", "2"]),
        (("1.1", "1.10"), "text", ["1.1", "1.10"]),
        (("NaN", "1.5"), "text", ["NaN", "1.5"]),
        (("0.12345678901234567890", "1"), "text", ["0.12345678901234567890", "1"]),
        (("9" * 400 + ".5", "1"), "text", ["9" * 400 + ".5", "1"]),
        (("true", "TRUE"), "text", ["true", "TRUE"]),
        (("2020-13-02", "2020-01-02"), "text", ["2020-13-02", "2020-01-02"]),
        (("1_000", "٣"), "text", ["1_000", "٣"]),
        (("1", "2", "n/a"), "text", ["1", "2", "n/a"]),
    ],
)
def test_a_column_has_the_type_of_all_its_values(
    tmp_path: Path, given: tuple[str, ...], kind: str, expected: list[Any]
) -> None:
    source = CSV(column(tmp_path, *given))
    found = values(source)
    assert found == expected
    assert [type(one) for one in found] == [type(one) for one in expected]
    assert source.types() == {"v": kind}


def test_the_last_row_of_a_long_file_counts(tmp_path: Path) -> None:
    source = CSV(column(tmp_path, *["1"] * 5_000, "one"))
    assert values(source)[0] == "1"
    assert source.types() == {"v": "text"}


def test_only_columns_of_the_metadata_are_typed(tmp_path: Path) -> None:
    path = put(tmp_path / "a.csv", "id,content,uri,none\n7,1979,5,\n")
    source = CSV(path)
    document = read(source)[0]["7"]
    assert (document.content, document.uri, document.metadata) == ("1979", "5", {"none": ""})
    assert source.types() == {}


def test_types_can_be_given(tmp_path: Path) -> None:
    path = column(tmp_path, "007", "+5", " 6 ", "x")
    documents, (failure,) = read(CSV(path, types={"v": "int"}))
    assert [document.metadata["v"] for document in documents.values()] == [7, 5, 6]
    assert failure.id == "3"
    assert "'v' is 'x'" in failure.message and "--types v=text" in failure.message
    assert values(CSV(column(tmp_path, "5", "6"), types={"v": "text"})) == ["5", "6"]
    assert values(CSV(column(tmp_path, "NaN", "1e5"), types={"v": "float"})) == [None, 100_000.0]
    assert values(CSV(column(tmp_path, "yes", "0"), types={"v": "bool"})) == [True, False]
    with pytest.raises(SourceError, match="no column of metadata 'w'"):
        list(CSV(path, types={"w": "int"}).documents())


def test_remembered_types_do_not_flip(tmp_path: Path) -> None:
    path = column(tmp_path, "10115", "20095")
    text = CSV(path).typed({"v": "text", "gone": "int"})
    assert values(text) == ["10115", "20095"]
    assert text.types() == {"v": "text"}
    path = column(tmp_path, "10115", "01067", "n/a")
    documents, failures = read(CSV(path).typed({"v": "int"}))
    assert [document.metadata["v"] for document in documents.values()] == [10115]
    assert [failure.id for failure in failures] == ["1", "2"]
    assert values(CSV(path, types={"v": "text"}).typed({"v": "int"})) == ["10115", "01067", "n/a"]


def test_a_stream_is_typed_by_its_first_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv, "SAMPLE_ROWS", 2)
    reader = DelimitedReader("stdin", Columns(), Dialect.of())
    items = list(reader.once(io.BytesIO(b"id,content,v\na,x,1\nb,x,2\nc,x,007\nd,x,4\n")))
    assert reader.used == {"v": "int"}
    assert [item.metadata["v"] for item in items if isinstance(item, Document)] == [1, 2, 4]
    (failure,) = (item for item in items if isinstance(item, Failure))
    assert failure.id == "c" and "read as int" in failure.message


def test_several_sources_tell_where_their_types_differ(tmp_path: Path) -> None:
    one = CSV(column(tmp_path, "1", name="one.csv"))
    two = CSV(column(tmp_path, "x", name="two.csv"))
    both = Together([one, two])
    assert isinstance(both, TypedSource)
    list(both.documents())
    assert both.types() == {"v": "int/text"}
    again = both.typed(both.types())
    list(again.documents())
    assert again.types() == {"v": "int/text"}
    list((text := both.typed({"v": "text"})).documents())
    assert text.types() == {"v": "text"}
