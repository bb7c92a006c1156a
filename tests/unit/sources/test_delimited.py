"""CSV and TSV as they are found: broken quotes, other dialects, other encodings."""

from __future__ import annotations

import bz2
import gzip
import lzma
from collections.abc import Callable
from pathlib import Path

import pytest

from embeddb.errors import ConfigurationError, SourceError
from embeddb.records import Skipped
from embeddb.sources import CSV
from tests.support.sources import put, read


def contents(source: CSV) -> dict[str, str | None]:
    return {id: document.content for id, document in read(source)[0].items()}


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        ('3,"pipe"s', "follows a closing quote"),
        ('3,"pipe"s\n', "follows a closing quote"),
    ],
)
def test_a_broken_quote_costs_its_own_row(tmp_path: Path, broken: str, message: str) -> None:
    lines = ["id,content", "1,one", "2,two", broken, "4,four", '5,"five"', "6,six"]
    documents, (failure,) = read(CSV(put(tmp_path / "a.csv", "\n".join(lines))))
    assert list(documents) == ["1", "2", "4", "5", "6"]
    assert documents["4"].content == "four"
    assert failure.id == "line 4" and message in failure.message


@pytest.mark.parametrize(
    ("last", "message"), [("5,five", "never closed"), ('5,12"', "looks like a row")]
)
def test_an_open_quote_costs_its_own_row_and_the_next(
    tmp_path: Path, last: str, message: str
) -> None:
    text = f'id,content\n1,one\n2,"12 inch pipe\n3,three\n4,four\n{last}\n6,six\n'
    documents, (failure, next_one) = read(CSV(put(tmp_path / "a.csv", text)))
    assert list(documents) == ["1", "4", "5", "6"]
    assert failure.id == "line 3" and message in failure.message
    assert next_one.id == "line 4" and "may belong to its cell" in next_one.message


def test_every_broken_row_is_a_failure(tmp_path: Path) -> None:
    rows = "".join(f'{n},"open {n}\n' if n % 3 else f"{n},fine\n" for n in range(1, 61))
    documents, failures = read(CSV(put(tmp_path / "a.csv", "id,content\n" + rows)))
    assert len(documents) == 20
    assert len(failures) == 40


@pytest.mark.parametrize(
    "cell",
    [
        "Hello, world\nfoo, bar\nbaz",
        "a\n\nb",
        'a ""quoted"" word,\nand more',
        "def f(a,b):\n    return a,b",
        "".join(f"line {n}\n" for n in range(2_000)),
    ],
)
def test_a_cell_may_have_several_lines(tmp_path: Path, cell: str) -> None:
    path = put(tmp_path / "a.csv", f'id,content\n1,one\n2,"{cell}"\n3,three\n')
    documents, failures = read(CSV(path))
    assert failures == []
    assert documents["2"].content == cell.replace('""', '"')
    assert list(documents) == ["1", "2", "3"]


def test_the_rest_of_a_broken_row_is_no_document(tmp_path: Path) -> None:
    text = 'id,content\n1,one\n2,"He said "hello, friend"\nand left, quickly"\n3,three\n'
    documents, failures = read(CSV(put(tmp_path / "a.csv", text)))
    assert list(documents) == ["1", "3"]
    assert [failure.id for failure in failures] == ["line 3", "line 4"]


def test_quotes_mean_nothing_in_tsv_unless_asked_for(tmp_path: Path) -> None:
    path = put(tmp_path / "a.tsv", 'id\tcontent\n1\t"Hello" she said\n2\t"Toys and more\n3\tx\n')
    assert contents(CSV(path)) == {"1": '"Hello" she said', "2": '"Toys and more', "3": "x"}
    put(path, 'id\tcontent\n1\t"a\tb"\n')
    assert contents(CSV(path, quote='"')) == {"1": "a\tb"}


def test_quotes_can_be_turned_off_and_changed(tmp_path: Path) -> None:
    path = put(tmp_path / "a.csv", 'id,content\n1,"a\n2,b"\n')
    assert contents(CSV(path, quote="none")) == {"1": '"a', "2": 'b"'}
    put(path, "id,content\n1,'a, b'\n")
    assert contents(CSV(path, quote="'")) == {"1": "a, b"}


@pytest.mark.parametrize("delimiter", [";", "\t", "|"])
def test_the_header_shows_the_delimiter(tmp_path: Path, delimiter: str) -> None:
    rows = [("id", "content"), ("1", "one, two"), ("2", "three")]
    path = put(tmp_path / "a.csv", "".join(delimiter.join(row) + "\r\n" for row in rows))
    assert contents(CSV(path)) == {"1": "one, two", "2": "three"}


def test_the_line_of_excel_names_the_delimiter(tmp_path: Path) -> None:
    path = put(tmp_path / "a.csv", "\ufeffsep=;\r\nid;content\r\n1;a,b\r\n;x\r\n")
    documents, (failure,) = read(CSV(path))
    assert documents["1"].content == "a,b"
    assert failure.id == "line 4"


def test_a_header_of_one_column_names_the_option(tmp_path: Path) -> None:
    path = put(tmp_path / "a.csv", "id^content\n1^x\n")
    with pytest.raises(SourceError, match=r"--delimiter.*no column 'id'"):
        list(CSV(path).documents())
    assert contents(CSV(path, delimiter="^")) == {"1": "x"}


@pytest.mark.parametrize("suffix", ["csv", "tsv"])
@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
def test_a_byte_order_mark_tells_the_encoding(tmp_path: Path, suffix: str, encoding: str) -> None:
    text = "id,content\r\n1,Grüße\r\n2,日本\r\n"
    if suffix == "tsv":
        text = text.replace(",", "\t")
    path = put(tmp_path / f"a.{suffix}", text.encode(encoding))
    assert contents(CSV(path)) == {"1": "Grüße", "2": "日本"}


def test_an_encoding_can_be_given(tmp_path: Path) -> None:
    path = put(tmp_path / "a.csv", "id,content\n1,Grüße\n2,x\n".encode("cp1252"))
    assert contents(CSV(path, encoding="cp1252")) == {"1": "Grüße", "2": "x"}
    _, (failure,) = read(CSV(path))
    assert failure.id == "line 2" and "encoding=" in failure.message
    put(path, "id,content\n1,x\n".encode("utf-16-le"))
    with pytest.raises(SourceError, match="utf-16-le"):
        list(CSV(path).documents())


@pytest.mark.parametrize(
    ("name", "pack"),
    [("A.CSV.GZ", gzip.compress), ("a.csv.bz2", bz2.compress), ("a.csv.xz", lzma.compress)],
)
def test_compressed_files_are_read(
    tmp_path: Path, name: str, pack: Callable[[bytes], bytes]
) -> None:
    path = put(tmp_path / name, pack(b"id,content,n\n1,x,2\n"))
    assert read(CSV(path))[0]["1"].metadata == {"n": 2}
    tabbed = put(tmp_path / name.lower().replace("csv", "tsv"), pack(b'id\tcontent\n1\t"x\n'))
    assert contents(CSV(tabbed)) == {"1": '"x'}


def test_damaged_compression_is_a_source_error(tmp_path: Path) -> None:
    path = put(tmp_path / "a.csv.xz", lzma.compress(b"id,content\n1,x\n")[:-20])
    with pytest.raises(SourceError, match="cannot be read"):
        list(CSV(path).documents())


def test_two_columns_of_one_name_are_refused(tmp_path: Path) -> None:
    path = put(tmp_path / "a.csv", "id,content,a,a,year\n1,x,2,3,2020\n")
    with pytest.raises(SourceError, match="more than one column 'a'"):
        list(CSV(path).documents())
    assert read(CSV(path, metadata=["year"]))[0]["1"].metadata == {"year": 2020}


def test_columns_without_a_name_are_left_out_where_they_are_empty(tmp_path: Path) -> None:
    path = put(tmp_path / "a.csv", "id,content,,\n1,x,,\n2,y,,z\n")
    documents, _ = read(CSV(path))
    assert documents["1"].metadata == {}
    assert documents["2"].metadata == {"column 4": "z"}


def test_rows_without_a_value_are_skipped(tmp_path: Path) -> None:
    path = put(tmp_path / "a.csv", "id,content\n1,x\n,\n\n , \n")
    skipped = [item for item in CSV(path).documents() if isinstance(item, Skipped)]
    assert [(item.id, item.reason) for item in skipped] == [
        ("line 3", "empty row"),
        ("line 5", "empty row"),
    ]


def test_line_ends_may_differ(tmp_path: Path) -> None:
    path = put(tmp_path / "a.csv", b"id,content\r\n1,a\n2,b\r3,c\r\r\n4,d")
    assert contents(CSV(path)) == {"1": "a", "2": "b", "3": "c", "4": "d"}


@pytest.mark.parametrize(
    "options",
    [{"delimiter": ";;"}, {"quote": "no"}, {"encoding": "nonsense"}, {"types": {"a": "integer"}}],
)
def test_an_option_without_sense_is_refused(tmp_path: Path, options: dict[str, object]) -> None:
    path = put(tmp_path / "a.csv", "id,content,a\n")
    with pytest.raises(ConfigurationError):
        CSV(path, **options)  # type: ignore[arg-type]
