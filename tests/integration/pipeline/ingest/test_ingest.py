"""What an ingest does to a collection, and what it costs."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import embeddb
from embeddb import Collection
from embeddb.errors import ConfigurationError, IngestAbortedError, SourceError
from embeddb.records import Failure, IngestReport, Skipped
from tests.support.encoders import HashEncoder
from tests.support.faults import GatedEncoder
from tests.support.postgres import check_chunks, rows, session, stored_chunks, stored_documents
from tests.support.sources import put, put_lines
from tests.support.vectors import as_documents, clustered

SMALL_CHUNKS = {"kind": "text", "max_tokens": 20, "overlap": 0}


def _text(*topics: str) -> str:
    """Write one paragraph a topic; each is a chunk of its own."""
    return "\n\n".join(
        f"{topic} is what this paragraph is all about, so to say." for topic in topics
    )


def _counts(report: IngestReport) -> tuple[int, int, int, int, int]:
    return report.added, report.updated, report.unchanged, report.deleted, report.failed


def test_a_report_counts_what_became_of_each_document(store: embeddb.Store) -> None:
    docs = store.create_collection("docs", model=HashEncoder())
    report = docs.ingest([("a", "a cat"), ("b", "a dog"), ("c", "a cow"), ("d", "a pig")])
    assert _counts(report) == (4, 0, 0, 0, 0)
    assert (report.chunks, report.encoded) == (4, 4)
    report = docs.ingest(
        [
            ("a", "a cat"),
            ("b", "a wolf"),
            {"id": "c", "content": "a cow", "metadata": {"milk": True}},
            ("e", "an emu"),
            ("f", " \n "),
        ],
        prune=True,
    )
    assert _counts(report) == (1, 2, 1, 1, 1)
    assert (report.chunks, report.encoded) == (2, 2)
    assert [failure.id for failure in report.failures] == ["f"]
    assert report.seconds > 0
    stored = {row[0]: row[1] for row in stored_documents(store.url, "docs")}
    assert stored == {"a": "a cat", "b": "a wolf", "c": "a cow", "e": "an emu"}
    check_chunks(store.url, "docs")


def test_a_report_counts_what_a_source_left_out_by_its_reason(store: embeddb.Store) -> None:
    docs = store.create_collection("docs", model=HashEncoder())
    report = docs.ingest(
        [
            ("a", "a cat"),
            Skipped(id="b.bin", reason="no parser"),
            Skipped(id="c.txt", reason="empty"),
            Skipped(id="d.bin", reason="no parser"),
        ]
    )
    assert _counts(report) == (1, 0, 0, 0, 0)
    assert report.skipped == {"no parser": 2, "empty": 1}


def test_unchanged_text_costs_no_encoding(store: embeddb.Store) -> None:
    encoder = HashEncoder()
    docs = store.create_collection("docs", model=encoder)
    source = [{"id": str(i), "content": f"text {i}", "metadata": {"n": i}} for i in range(300)]
    docs.ingest(source)
    before = stored_documents(store.url, "docs"), stored_chunks(store.url, "docs")
    stamps = rows(store.url, "SELECT id, updated_at, xmin::text FROM embeddb.docs ORDER BY id")
    encoder.texts.clear()
    report = docs.ingest(source)
    assert _counts(report) == (0, 0, 300, 0, 0)
    assert encoder.texts == []
    assert (stored_documents(store.url, "docs"), stored_chunks(store.url, "docs")) == before
    found = rows(store.url, "SELECT id, updated_at, xmin::text FROM embeddb.docs ORDER BY id")
    assert found == stamps


def test_new_metadata_costs_no_encoding_and_leaves_the_chunks_alone(store: embeddb.Store) -> None:
    encoder = HashEncoder()
    docs = store.create_collection("docs", model=encoder)
    docs.ingest([{"id": "a", "content": "a cat", "metadata": {"n": 1}, "uri": "old"}])
    chunks = rows(store.url, "SELECT *, xmin::text FROM embeddb.docs_g1")
    encoder.texts.clear()
    changes: list[dict[str, Any]] = [
        {"metadata": {"n": 2}, "uri": "old"},
        {"metadata": {"n": 2}, "uri": "new"},
        {"metadata": {}, "uri": None},
        {"metadata": {"n": 1.5, "deep": {"list": [1, None, "é"]}}},
    ]
    for change in changes:
        report = docs.ingest([{"id": "a", "content": "a cat"} | change])
        assert _counts(report) == (0, 1, 0, 0, 0)
        document = docs.get(["a"])[0]
        assert document.metadata == change["metadata"]
        assert document.uri == change.get("uri")
    assert encoder.texts == []
    assert rows(store.url, "SELECT *, xmin::text FROM embeddb.docs_g1") == chunks


def test_a_changed_document_encodes_only_its_changed_chunks(store: embeddb.Store) -> None:
    encoder = HashEncoder()
    docs = store.create_collection("docs", model=encoder, chunker=SMALL_CHUNKS)
    docs.ingest([("a", _text("wheat", "barley", "oats"))])
    assert len(encoder.texts) == 3
    encoder.texts.clear()
    report = docs.ingest([("a", _text("rice", "wheat", "oats", "wheat"))])
    assert [text.split()[0] for text in encoder.texts] == ["rice"]
    assert (report.chunks, report.encoded) == (4, 1)
    check_chunks(store.url, "docs")
    other = store.create_collection("other", model=HashEncoder(), chunker=SMALL_CHUNKS)
    other.ingest([("a", _text("rice", "wheat", "oats", "wheat"))])
    assert stored_chunks(store.url, "docs") == stored_chunks(store.url, "other")


def test_a_text_is_encoded_once_in_a_run(store: embeddb.Store) -> None:
    encoder = HashEncoder()
    docs = store.create_collection("docs", model=encoder)
    docs.ingest((f"d{i}", f"text {i % 7}") for i in range(3000))
    assert sorted(encoder.texts) == sorted(f"text {i}" for i in range(7))
    assert docs.count() == 3000


def test_chunks_are_what_their_spans_say(store: embeddb.Store) -> None:
    docs = store.create_collection("docs", model=HashEncoder(), chunker=SMALL_CHUNKS)
    docs.ingest(
        [
            ("plain", _text(*(f"topic{i}" for i in range(40)))),
            ("wide", _text("日本語の文書", "🙂🙂🙂", "Ünïcödé", "e\u0301")),
            ("lines", "  \n\n first\r\n\r\nsecond\t\n" * 30),
            ("repeat", "the same words " * 200),
            {"id": "markdown", "content": "# A\n\nb\n\n## C\n\nd\n", "media_type": "text/markdown"},
            ("broken", "a\0b \ud800 " * 50),
        ]
    )
    check_chunks(store.url, "docs")
    for hit in docs.search("topic7", 500):
        content = docs.get([hit.id])[0].content
        assert content is not None
        assert hit.span is not None
        assert content[slice(*hit.span)] == hit.content


def test_what_left_the_source_is_pruned(store: embeddb.Store) -> None:
    docs = store.create_collection("docs", model=HashEncoder())
    docs.ingest((f"d{i}", f"text {i}") for i in range(1000))
    report = docs.ingest(((f"d{i}", f"text {i}") for i in range(0, 1000, 2)), prune=True)
    assert _counts(report) == (0, 0, 500, 500, 0)
    assert docs.count() == docs.count_chunks() == 500


def test_an_empty_source_prunes_nothing(store: embeddb.Store) -> None:
    docs = store.create_collection("docs", model=HashEncoder())
    docs.ingest([("a", "a cat")])
    with pytest.raises(ConfigurationError, match="no documents at all"):
        docs.ingest([], prune=True)
    assert docs.count() == 1


def test_a_failed_document_is_not_pruned(store: embeddb.Store) -> None:
    docs = store.create_collection("docs", model=HashEncoder())
    docs.ingest([("a", "a cat"), ("b", "a dog"), ("c", "a cow")])
    report = docs.ingest([("a", " "), {"id": "b", "content": 7}], prune=True)
    assert _counts(report) == (0, 0, 0, 1, 2)
    assert [document.id for document in docs.get(["a", "b", "c"])] == ["a", "b"]


def test_a_source_that_breaks_off_prunes_nothing(store: embeddb.Store) -> None:
    docs = store.create_collection("docs", model=HashEncoder())
    docs.ingest((f"d{i}", f"text {i}") for i in range(10))

    def source() -> Iterator[tuple[str, str]]:
        yield "d0", "text 0"
        raise OSError("the disk is gone")

    with pytest.raises(SourceError, match="the disk is gone"):
        docs.ingest(source(), prune=True)
    assert docs.count() == 10


def test_a_strict_run_stops_at_the_first_fault_and_keeps_what_came_before(
    store: embeddb.Store,
) -> None:
    docs = store.create_collection("docs", model=HashEncoder())
    source = [(f"d{i}", f"text {i}") for i in range(3000)]
    source[2500] = ("d2500", "")
    with pytest.raises(IngestAbortedError, match="'d2500'"):
        docs.ingest(source, strict=True)
    assert 0 < docs.count() <= 2500
    check_chunks(store.url, "docs")


def test_a_reader_never_sees_a_document_between_two_states(store: embeddb.Store) -> None:
    docs = store.create_collection("docs", model=HashEncoder(), chunker=SMALL_CHUNKS)
    states = [[f"{word}{i}" for i in range(length)] for word, length in (("old", 9), ("new", 4))]
    docs.ingest([("a", _text(*states[0]))])
    done = threading.Event()
    seen: set[tuple[str, ...]] = set()
    torn: list[object] = []

    def read() -> None:
        with session(store.url) as connection:
            while not done.is_set():
                found = connection.execute(
                    "SELECT d.content, c.content FROM embeddb.docs d "
                    "LEFT JOIN embeddb.docs_g1 c USING (id) ORDER BY c.chunk_no"
                ).fetchall()
                topics = tuple(row[1].split()[0] if row[1] else "" for row in found)
                seen.add(topics)
                if list(topics) not in states or found[0][0] != _text(*topics):
                    torn.append(found)

    reader = threading.Thread(target=read)
    reader.start()
    try:
        for round in range(1, 41):
            docs.ingest([("a", _text(*states[round % 2]))], build_index=False)
    finally:
        done.set()
        reader.join()
    assert torn == []
    assert seen == {tuple(state) for state in states}


def test_the_source_is_not_read_far_ahead_of_the_database(store: embeddb.Store) -> None:
    written: list[tuple[int, int]] = []
    read = 0

    def source() -> Iterator[tuple[str, str]]:
        nonlocal read
        for i in range(20_000):
            read = i
            yield f"d{i}", f"text {i}"

    def note(call: int) -> None:
        if call % 8 == 1:
            written.append((read, docs.count()))

    docs = store.create_collection("docs", model=GatedEncoder(note))
    docs.ingest(source(), build_index=False)
    assert max(ahead - done for ahead, done in written) < 10_000
    assert docs.count() == 20_000


def test_what_add_gets_is_written_as_a_whole_or_not_at_all(store: embeddb.Store) -> None:
    docs = store.create_collection("docs", model=HashEncoder())
    docs.add([("a", "a cat"), {"id": "b", "content": "a dog", "metadata": {"n": 1}}])
    before = stored_documents(store.url, "docs"), stored_chunks(store.url, "docs")
    good = [(f"d{i}", f"text {i}") for i in range(1500)] + [("a", "a lion")]
    for fault in (("z", ""), ("a", "twice"), {"id": "z", "content": "x", "metadata": {1, 2}}, 5):
        with pytest.raises(embeddb.EmbedDBError):
            docs.add([*good, fault])  # type: ignore[list-item]
        assert (stored_documents(store.url, "docs"), stored_chunks(store.url, "docs")) == before
    report = docs.add(good)
    assert _counts(report) == (1500, 1, 0, 0, 0)


def test_vectors_of_the_caller_s_are_stored_as_they_are(store: embeddb.Store) -> None:
    vectors = clustered(5000, 16)
    docs = store.create_collection("docs", model=None, dim=16)
    report = docs.ingest(as_documents(vectors))
    assert _counts(report) == (5000, 0, 0, 0, 0)
    found = docs.get([f"v{i}" for i in range(5000)], embeddings=True)
    assert np.array_equal([document.embedding for document in found], vectors)  # type: ignore[arg-type]
    changed = as_documents(vectors)
    changed[7]["embedding"] = vectors[8]
    changed[9]["content"] = "new"
    changed[11]["metadata"] = {}
    assert _counts(docs.ingest(changed)) == (0, 3, 4997, 0, 0)
    embedding = docs.get("v7", embeddings=True)[0].embedding
    assert embedding is not None
    assert np.array_equal(embedding, vectors[8])


def test_vectors_are_normalized_where_the_collection_says_so(store: embeddb.Store) -> None:
    docs = store.create_collection("docs", model=None, dim=4, normalize=True, storage="halfvec")
    docs.add([{"id": "a", "embedding": [3e9, 0, 4e9, 0]}, {"id": "b", "embedding": [0, 1, 0, 0]}])
    embedding = docs.get("a", embeddings=True)[0].embedding
    assert embedding is not None
    assert np.allclose(embedding, [0.6, 0, 0.8, 0], atol=1e-3)
    assert docs.search([6e9, 0, 8e9, 0], 1)[0].distance == pytest.approx(0, abs=1e-3)


def test_deleting_takes_ids_or_a_filter(store: embeddb.Store) -> None:
    docs = store.create_collection("docs", model=HashEncoder(), chunker=SMALL_CHUNKS)
    text = _text("rye", "millet")
    docs.ingest({"id": f"d{i}", "content": text, "metadata": {"n": i}} for i in range(20))
    assert docs.delete(ids=["d0", "d1", "d1", "nobody"]) == 2
    assert docs.delete(ids="d2") == 1
    assert docs.delete(ids=[]) == 0
    assert docs.delete(filter={"n": {"$lt": 10}}) == 7
    assert docs.delete(filter=docs.columns.id == "d19") == 1
    assert (docs.count(), docs.count_chunks()) == (9, 18)
    for arguments in ({}, {"ids": ["a"], "filter": {"n": 1}}):
        with pytest.raises(ConfigurationError, match=r"A deletion (needs|takes) ids"):
            docs.delete(**arguments)  # type: ignore[arg-type]
    assert docs.delete(all=True) == 9
    assert docs.count_chunks() == 0


def test_a_collection_can_be_filled_through_two_objects_at_once(store: embeddb.Store) -> None:
    first = store.create_collection("docs", model=HashEncoder())
    second: Collection = store.collection("docs", encoder=HashEncoder())
    first.ingest([("a", "a cat")])
    second.ingest([("a", "a cat"), ("b", "a dog")])
    assert first.count() == 2
    assert [hit.id for hit in first.search("dog", 1)] == ["b"]


def test_an_interruption_keeps_what_was_encoded_and_says_how_much(store: embeddb.Store) -> None:
    def before(call: int) -> None:
        if call == 4:
            raise KeyboardInterrupt

    docs = store.create_collection("docs", model=GatedEncoder(before))
    source = [(f"d{i}", f"text {i}") for i in range(500)]
    with pytest.raises(KeyboardInterrupt) as caught:
        docs.ingest(source)
    kept = docs.count()
    assert kept == 8 + 32 + 128
    assert caught.value.__notes__ == [f"{kept} documents were written before it."]
    check_chunks(store.url, "docs")
    report = store.collection("docs", encoder=HashEncoder()).ingest(source)
    assert (report.added, report.unchanged) == (500 - kept, kept)


def test_everything_that_a_source_holds_is_accounted_for(store: embeddb.Store) -> None:
    docs = store.create_collection("docs", model=HashEncoder())
    docs.ingest([("same", "a cat"), ("changed", "a dog"), ("tagged", "a cow")])
    items: list[Any] = [
        ("same", "a cat"),
        ("changed", "a wolf"),
        {"id": "tagged", "content": "a cow", "metadata": {"milk": True}},
        ("new", "an emu"),
        ("new", "an emu again"),
        ("empty", ""),
        17,
        {"id": "x" * 3000, "content": "text"},
        {"id": "broken", "content": "a\0b"},
        Skipped(id="a.bin", reason="no parser"),
        Failure(id="b.txt", error="SourceError", message="gone", document=True),
    ]
    report = docs.ingest(items)
    assert sum(_counts(report)) + sum(report.skipped.values()) == len(items)
    assert (_counts(report), len(report.repaired)) == ((2, 2, 1, 0, 5), 1)


def test_numbers_of_any_size_go_in_by_every_door_and_come_back(
    store: embeddb.Store, tmp_path: Path
) -> None:
    big = 123456789012345678901234
    docs = store.create_collection("docs", model=None, dim=2)
    row = {"id": big, "embedding": [1.0, 0.0], "metadata": {"token": big}}
    docs.add(
        [row, embeddb.Document(id="b", embedding=np.ones(2, np.float32), metadata={"token": -big})]
    )
    assert docs.ingest(put_lines(tmp_path / "a.jsonl", row)).unchanged == 1
    (found,) = docs.get(str(big))
    assert found.metadata == {"token": big} and type(found.metadata["token"]) is int
    assert docs.count({"token": big}) == 1
    assert docs.count({"token": {"$lt": 0}}) == 1


def test_decimals_are_stored_in_full(store: embeddb.Store) -> None:
    docs = store.create_collection("docs", model=None, dim=2)
    exact = Decimal("0.12345678901234567890")
    record = {"id": "a", "embedding": [1.0, 0.0], "metadata": {"share": exact}}
    docs.add([record])
    assert docs.add([record]).unchanged == 1
    assert rows(store.url, "SELECT metadata ->> 'share' FROM embeddb.docs") == [(str(exact),)]


def test_the_types_of_csv_are_reported_and_asked_for(store: embeddb.Store, tmp_path: Path) -> None:
    path = put(tmp_path / "a.csv", "id,content,year,code\na,one,1979,007\nb,two,1995,8\n")
    docs = store.create_collection("docs", model=HashEncoder())
    assert docs.ingest(path).types == {"year": "int", "code": "text"}
    assert docs.count({"year": {"$lt": 1990}}) == 1
    assert docs.count({"code": "007"}) == 1
