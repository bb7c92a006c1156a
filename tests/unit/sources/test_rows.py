"""JSON Lines, CSV and Parquet: rows as documents."""

from __future__ import annotations

import csv
import gzip
import json
from datetime import date
from decimal import Decimal
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from embeddb.errors import ConfigurationError, SourceError
from embeddb.sources import CSV, JSONLines, Parquet, jsonl
from tests.support.sources import put, put_lines, read


def test_a_json_line_becomes_a_document(tmp_path: Path) -> None:
    path = put_lines(
        tmp_path / "a.jsonl",
        {"id": "a", "content": "Text.", "metadata": {"year": 2020}, "uri": "u", "other": 1},
        {"id": 2, "content": "Two.", "media_type": "text/markdown", "year": 2021},
    )
    documents, failures = read(JSONLines(path))
    assert failures == []
    assert (documents["a"].content, documents["a"].uri) == ("Text.", "u")
    assert documents["a"].metadata == {"year": 2020}
    assert documents["2"].metadata == {"year": 2021}
    assert documents["2"].media_type == "text/markdown"


def test_columns_can_be_named(tmp_path: Path) -> None:
    row = {"key": "a", "text": "Text.", "year": 2020, "tags": ["x"], "vec": [1, 2], "rest": 0}
    path = put_lines(tmp_path / "a.jsonl", row)
    source = JSONLines(path, id="key", content="text", metadata=["year", "tags"], embedding="vec")
    document = read(source)[0]["a"]
    assert document.content == "Text."
    assert document.metadata == {"year": 2020, "tags": ["x"]}
    assert document.embedding is not None
    assert document.embedding.tolist() == [1.0, 2.0]


def test_embeddings_are_float32_and_nan_is_let_through(tmp_path: Path) -> None:
    lines = '{"id": "a", "embedding": [0.5, 1]}\n{"id": "b", "embedding": [NaN, -Infinity]}\n'
    documents, failures = read(JSONLines(put(tmp_path / "a.jsonl", lines)))
    assert failures == []
    assert documents["a"].content is None
    vectors = [documents[name].embedding for name in "ab"]
    assert all(vector is not None and vector.dtype == np.float32 for vector in vectors)
    np.testing.assert_array_equal(vectors, [[0.5, 1.0], [np.nan, -np.inf]])


@pytest.mark.parametrize(
    ("line", "error", "message"),
    [
        ("{broken", "UnreadableDocumentError", "not JSON"),
        ("[1]", "UnreadableDocumentError", "a JSON list, not an object"),
        ('{"content": "x"}', "InvalidDocumentError", "the id is missing"),
        ('{"id": true, "content": "x"}', "InvalidDocumentError", "type bool"),
        ('{"id": "b", "content": 5}', "InvalidDocumentError", "type int"),
        ('{"id": "b"}', "EmptyDocumentError", "neither"),
        ('{"id": "b", "content": "x", "metadata": 3}', "InvalidMetadataError", "JSON object"),
        ('{"id": "b", "embedding": [1, "x"]}', "InvalidVectorError", "numbers"),
        ('{"id": "b", "embedding": [1, null]}', "InvalidVectorError", "numbers"),
        ('{"id": "b", "embedding": [[1], [2]]}', "InvalidVectorError", "flat"),
        ('{"id": "b", "embedding": [[1], [2, 3]]}', "InvalidVectorError", "numbers"),
        ('{"id": "b", "embedding": []}', "InvalidVectorError", "flat"),
        ("[" * 100_000, "UnreadableDocumentError", "not JSON"),
    ],
)
def test_a_bad_line_fails_alone_and_is_numbered(
    tmp_path: Path, line: str, error: str, message: str
) -> None:
    good = '{"id": "a", "content": "Text."}\n\n'
    path = put(tmp_path / "a.jsonl", good + line + "\n" + good.replace('"a"', '"c"'))
    documents, (failure,) = read(JSONLines(path))
    assert list(documents) == ["a", "c"]
    assert failure.error == error
    assert "line 3" in failure.id + failure.message
    assert message in failure.message


def test_bytes_that_are_no_text_fail_alone(tmp_path: Path) -> None:
    path = put(tmp_path / "a.jsonl", b'{"id": "a", "content": "\xff"}\n{"id": "b", "content": "x"}')
    documents, (failure,) = read(JSONLines(path))
    assert list(documents) == ["b"]
    assert failure.id == "line 1"


def test_a_line_without_end_is_not_read_into_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jsonl, "MAX_LINE_BYTES", 64)
    long = json.dumps({"id": "b", "content": "x" * 1_000})
    path = put(tmp_path / "a.jsonl", f'{{"id": "a", "content": "x"}}\n{long}\n' + long[:0])
    documents, (failure,) = read(JSONLines(path))
    assert list(documents) == ["a"]
    assert (failure.id, failure.error) == ("line 2", "DocumentTooLargeError")


def test_gzip_is_read(tmp_path: Path) -> None:
    line = b'\xef\xbb\xbf{"id": "a", "content": "Text."}\n'
    path = put(tmp_path / "a.jsonl.gz", gzip.compress(line))
    assert list(read(JSONLines(path))[0]) == ["a"]
    put(path, gzip.compress(line)[:-12])
    with pytest.raises(SourceError, match="cannot be read"):
        list(JSONLines(path).documents())


@pytest.mark.parametrize("suffix", ["jsonl", "csv", "parquet"])
def test_a_column_that_is_not_there_names_those_that_are(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a.{suffix}"
    if suffix == "parquet":
        parquet.write_table(pa.table({"key": ["a"], "text": ["x"]}), path)
    else:
        put(path, '{"key": "a", "text": "x"}\n' if suffix == "jsonl" else "key,text\na,x\n")
    kind = {"jsonl": JSONLines, "csv": CSV, "parquet": Parquet}[suffix]
    with pytest.raises(SourceError, match=r"no column 'id'.*id=….*key, text"):
        list(kind(path).documents())
    with pytest.raises(SourceError, match=r"neither a column 'content' nor .*key, text"):
        list(kind(path, id="key").documents())
    with pytest.raises(SourceError, match="no column 'year'"):
        list(kind(path, id="key", content="text", metadata=["year"]).documents())
    assert list(read(kind(path, id="key", content="text"))[0]) == ["a"]


@pytest.mark.parametrize("kind", [JSONLines, CSV, Parquet])
def test_a_file_that_is_not_there_is_named(
    tmp_path: Path, kind: type[JSONLines | CSV | Parquet]
) -> None:
    with pytest.raises(SourceError, match="There is no file"):
        kind(tmp_path / "missing")
    with pytest.raises(SourceError, match="is a folder"):
        kind(tmp_path)


def test_csv_rows_become_documents(tmp_path: Path) -> None:
    text = '\ufeffid,content,year,embedding\na,"Two\nlines, quoted",2020,"[1, 2]"\nb,x,,\n'
    documents, failures = read(CSV(put(tmp_path / "a.csv", text)))
    assert failures == []
    assert documents["a"].content == "Two\nlines, quoted"
    assert documents["a"].metadata == {"year": 2020}
    assert documents["b"].metadata == {"year": None}
    assert documents["a"].embedding is not None
    assert documents["b"].embedding is None


def test_tabs_separate_the_fields_of_tsv(tmp_path: Path) -> None:
    path = put(tmp_path / "a.tsv", 'id\tcontent\tmetadata\na\tx, y\t{"year": 1}\n')
    document = read(CSV(path))[0]["a"]
    assert (document.content, document.metadata) == ("x, y", {"year": 1})


def test_a_bad_csv_row_fails_alone(tmp_path: Path) -> None:
    path = put(tmp_path / "a.csv", b"id,content\na,x\nb\nc,\xff\n\nd,y\n,z\n")
    documents, failures = read(CSV(path))
    assert list(documents) == ["a", "d"]
    assert [failure.id for failure in failures] == ["line 3", "line 4", "line 7"]


def test_a_csv_field_may_be_long(tmp_path: Path) -> None:
    before = csv.field_size_limit()
    try:
        path = put(tmp_path / "a.csv", f"id,content\na,{'x' * 1_000_000}\n")
        assert len(read(CSV(path))[0]["a"].content or "") == 1_000_000
    finally:
        csv.field_size_limit(before)


def test_an_empty_file_has_no_documents(tmp_path: Path) -> None:
    assert read(CSV(put(tmp_path / "a.csv", ""))) == ({}, [])
    assert read(JSONLines(put(tmp_path / "a.jsonl", ""))) == ({}, [])


@pytest.mark.parametrize(
    "kind",
    [
        pa.list_(pa.float32()),
        pytest.param(
            pa.list_(pa.float64(), 2),
            marks=pytest.mark.skipif(
                int(pa.__version__.partition(".")[0]) < 26,
                reason="pyarrow reads lists of a fixed size that are missing since version 26",
            ),
        ),
    ],
)
def test_parquet_rows_become_documents(tmp_path: Path, kind: pa.DataType) -> None:
    table = pa.table(
        {
            "id": pa.array([1, 2, 3]),
            "content": ["one", None, None],
            "embedding": pa.array([None, [1.0, 2.0], None], type=kind),
            "day": [date(2020, 1, 2)] * 3,
            "price": [Decimal("1.50")] * 3,
        }
    )
    parquet.write_table(table, tmp_path / "a.parquet", row_group_size=1)
    source = Parquet(tmp_path / "a.parquet")
    documents, (failure,) = read(source)
    assert source.count() == 3
    assert documents["1"].content == "one"
    assert documents["1"].metadata == {"day": "2020-01-02", "price": 1.5}
    vector = documents["2"].embedding
    assert vector is not None
    assert vector.dtype == np.float32
    assert vector.tolist() == [1.0, 2.0]
    assert (failure.id, failure.error) == ("3", "EmptyDocumentError")
    assert failure.message.startswith("row 3:")


def test_a_file_that_is_not_parquet_is_named(tmp_path: Path) -> None:
    path = put(tmp_path / "a.parquet", "text")
    with pytest.raises(SourceError, match="is not a Parquet file"):
        list(Parquet(path).documents())


BIG = 123456789012345678901234


def test_integers_of_any_size_stay_exact(tmp_path: Path) -> None:
    path = put_lines(
        tmp_path / "a.jsonl",
        {"id": BIG, "content": "x", "top": -BIG, "deep": {"list": [1, [BIG]]}, "most": 2**64 - 1},
        {"id": "b", "content": "x", "metadata": {"token": BIG, "float": 1e300}},
    )
    documents, failures = read(JSONLines(path))
    assert failures == []
    expected = {"top": -BIG, "deep": {"list": [1, [BIG]]}, "most": 2**64 - 1}
    assert documents[str(BIG)].metadata == expected
    assert documents["b"].metadata == {"token": BIG, "float": 1e300}
    assert type(documents["b"].metadata["token"]) is int


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32", "utf-8-sig"])
def test_json_lines_may_have_a_byte_order_mark(tmp_path: Path, encoding: str) -> None:
    text = '{"id": "a", "content": "Grüße"}\r\n\r\n{"id": "b", "content": "日本"}\r\n'
    documents, failures = read(JSONLines(put(tmp_path / "a.jsonl", text.encode(encoding))))
    assert failures == []
    assert [document.content for document in documents.values()] == ["Grüße", "日本"]


def test_the_encoding_of_json_lines_can_be_given(tmp_path: Path) -> None:
    lines = b'{"id": "a", "content": "Gr\xfc\xdfe"}\n{"id": "b", "content": "\x81"}\n'
    path = put(tmp_path / "a.jsonl", lines)
    documents, failures = read(JSONLines(path, encoding="cp1252"))
    assert documents["a"].content == "Grüße"
    assert [failure.id for failure in failures] == ["line 2"]
    with pytest.raises(ConfigurationError, match="no encoding 'nonsense'"):
        JSONLines(path, encoding="nonsense")


ODD = {
    "nanoseconds": (
        pa.array([1_700_000_000_123_456_789, None], pa.timestamp("ns", tz="UTC")),
        "2023-11-14T22:13:20.123456789+00:00",
    ),
    "duration": (pa.array([1_234_567_891, None], pa.duration("ns")), 1.234567891),
    "time": (pa.array([1_000_000_001, None], pa.time64("ns")), "00:00:01.000000001"),
    "year 29349": (pa.array([10_000_000, None], pa.date32()), "29349-01-26"),
    "year 10000": (
        pa.array([253_402_300_800, None], pa.timestamp("s")),
        "10000-01-01T00:00:00.000",
    ),
    "nested": (
        pa.array([{"at": [1_700_000_000_123_456_789]}, None]).cast(
            pa.struct([("at", pa.list_(pa.timestamp("ns")))])
        ),
        {"at": ["2023-11-14T22:13:20.123456789"]},
    ),
    "category": (pa.array(["x", None]).dictionary_encode(), "x"),
    "large text": (pa.array(["x", None], pa.large_string()), "x"),
    "decimal": (
        pa.array([Decimal("0.12345678901234567890"), None]),
        Decimal("0.12345678901234567890"),
    ),
}


@pytest.mark.parametrize("label", ODD)
def test_a_value_that_python_lacks_becomes_text(tmp_path: Path, label: str) -> None:
    column, expected = ODD[label]
    table = pa.table({"id": ["a", "b"], "content": ["x", "y"], "value": column})
    parquet.write_table(table, tmp_path / "a.parquet")
    documents, failures = read(Parquet(tmp_path / "a.parquet"))
    assert failures == []
    assert documents["a"].metadata == {"value": expected}
    assert documents["b"].metadata == {"value": None}


@pytest.mark.parametrize("column", ["content", "value"])
def test_text_that_is_not_utf_8_fails_its_own_row(tmp_path: Path, column: str) -> None:
    offsets = pa.py_buffer(np.array([0, 2, 4], dtype=np.int32).tobytes())
    broken = pa.Array.from_buffers(pa.string(), 2, [None, offsets, pa.py_buffer(b"ok\xff\xfe")])
    table = pa.table({"id": ["a", "b"], "content": ["x", "y"], "value": ["u", "v"]})
    table = table.set_column(table.schema.get_field_index(column), column, broken)
    parquet.write_table(table, tmp_path / "a.parquet")
    documents, (failure,) = read(Parquet(tmp_path / "a.parquet"))
    assert list(documents) == ["a"]
    assert failure.id == "b" and f"{column!r} cannot be read" in failure.message


def test_bytes_fail_their_own_row_and_name_the_column(tmp_path: Path) -> None:
    table = pa.table({"id": ["a", "b"], "content": ["x", "y"], "blob": [b"\xff", None]})
    parquet.write_table(table, tmp_path / "a.parquet")
    documents, (failure,) = read(Parquet(tmp_path / "a.parquet"))
    assert list(documents) == ["b"]
    assert (failure.id, failure.error) == ("a", "InvalidMetadataError")
    assert "'blob' holds bytes" in failure.message


def test_a_vector_with_a_gap_is_not_taken_for_a_whole_one(tmp_path: Path) -> None:
    vectors = pa.array([[1.0, 2.0], [1.0, None]], pa.list_(pa.float32()))
    parquet.write_table(pa.table({"id": ["a", "b"], "embedding": vectors}), tmp_path / "a.parquet")
    documents, _ = read(Parquet(tmp_path / "a.parquet"))
    gap = documents["b"].embedding
    assert gap is not None and np.isnan(gap[1])


def test_two_columns_of_one_name_in_parquet_are_refused(tmp_path: Path) -> None:
    table = pa.table(
        [pa.array(["a"]), pa.array(["x"]), pa.array([1]), pa.array([2])],
        names=["id", "content", "n", "n"],
    )
    parquet.write_table(table, tmp_path / "a.parquet")
    with pytest.raises(SourceError, match="more than one column 'n'"):
        list(Parquet(tmp_path / "a.parquet").documents())
