"""Input that cannot be taken: each a typed error or a reported repair, and the rest goes on."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest

import embeddb
from embeddb.errors import (
    DatabaseError,
    DimensionMismatchError,
    DocumentError,
    DocumentRefusedError,
    EncodingError,
    IngestAbortedError,
    InvalidVectorError,
)
from embeddb.schema.layouts import ListPartitions
from tests.support.encoders import HashEncoder
from tests.support.faults import NAN, POISON, FragileEncoder
from tests.support.postgres import check_chunks, rows, stored_documents

GOOD = [("good1", "a cat"), ("good2", "a dog")]

FAULTY_DOCUMENTS: list[tuple[str, Any, str]] = [
    ("empty", {"id": "x", "content": ""}, "EmptyDocumentError"),
    ("white space", {"id": "x", "content": " \n\t\u00a0 "}, "EmptyDocumentError"),
    ("no content", {"id": "x"}, "EmptyDocumentError"),
    ("a number for content", {"id": "x", "content": 5}, "InvalidDocumentError"),
    ("no id", {"content": "text"}, "InvalidDocumentError"),
    ("a number of 5,001 digits", {"id": 10**5000, "content": "text"}, "InvalidDocumentError"),
    ("an empty id", {"id": "", "content": "text"}, "InvalidDocumentError"),
    ("a list for an id", {"id": ["x"], "content": "text"}, "InvalidDocumentError"),
    ("NUL in the id", {"id": "x\0", "content": "text"}, "InvalidTextError"),
    ("a surrogate in the id", {"id": "\udfff", "content": "text"}, "InvalidTextError"),
    ("the same id again", {"id": "good1", "content": "text"}, "DuplicateIdError"),
    ("an embedding", {"id": "x", "content": "t", "embedding": [1.0]}, "InvalidDocumentError"),
    ("a list for metadata", {"id": "x", "content": "t", "metadata": [1]}, "InvalidMetadataError"),
    (
        "NUL in metadata",
        {"id": "x", "content": "t", "metadata": {"a": ["\0"]}},
        "InvalidMetadataError",
    ),
    (
        "a surrogate in metadata",
        {"id": "x", "content": "t", "metadata": {"\ud800": 1}},
        "InvalidMetadataError",
    ),
    ("not a document", 17, "InvalidDocumentError"),
    ("an unknown key", {"id": "x", "content": "t", "text": "t"}, "InvalidDocumentError"),
]


def test_a_faulty_document_is_reported_and_the_rest_goes_on(store: embeddb.Store) -> None:
    docs = store.create_collection("docs", model=HashEncoder())
    for label, document, error in FAULTY_DOCUMENTS:
        report = docs.ingest([GOOD[0], document, GOOD[1]])
        assert report.failed == 1, label
        assert report.failures[0].error == error, label
        assert report.failures[0].message, label
    assert [row[0] for row in stored_documents(store.url, "docs")] == ["good1", "good2"]


def test_an_ingest_of_nothing_but_faults_writes_nothing(store: embeddb.Store) -> None:
    texts = store.create_collection("texts", model=FragileEncoder())
    report = texts.ingest([("a", " "), ("b", f"some {POISON}"), ("c", NAN)])
    assert (report.added, report.failed, report.chunks) == (0, 3, 0)
    vectors = store.create_collection("vectors", model=None, dim=3)
    report = vectors.ingest([{"id": "a", "embedding": [1]}, {"id": "b", "embedding": [0, 0, 0]}])
    assert (report.added, report.failed, report.chunks) == (0, 2, 0)
    assert texts.count() == vectors.count() == 0


def test_metadata_that_is_not_json_is_refused(store: embeddb.Store) -> None:
    docs = store.create_collection("docs", model=HashEncoder())
    for value in (float("nan"), float("-inf"), object(), {1, 2}, b"x", 10**5000):
        document = embeddb.Document(id="x", content="text", metadata={"value": value})
        report = docs.ingest([document, *GOOD])
        assert report.failed == 1
        assert report.failures[0].error == "InvalidMetadataError"
        assert "'x'" in report.failures[0].message
    assert docs.count() == 2


def test_metadata_nested_too_deep_is_refused(store: embeddb.Store) -> None:
    docs = store.create_collection("docs", model=HashEncoder())
    deep: dict[str, Any] = {}
    for _ in range(100_000):
        deep = {"a": deep}
    report = docs.ingest([embeddb.Document(id="x", content="t", metadata=deep), *GOOD])
    assert (report.added, report.failures[0].error) == (2, "InvalidMetadataError")


def test_text_that_postgres_cannot_store_is_repaired_and_reported(store: embeddb.Store) -> None:
    docs = store.create_collection("docs", model=HashEncoder())
    bad = {"id": "x", "content": "a\0b \ud83d c", "uri": "file\0\udc80"}
    for _ in range(2):
        report = docs.ingest([bad, *GOOD])
        assert report.failed == 0
        assert [(failure.id, failure.error) for failure in report.repaired] == [
            ("x", "InvalidTextError")
        ]
        assert "U+FFFD" in report.repaired[0].message
        found = docs.get("x")[0]
        assert (found.content, found.uri) == ("a\ufffdb \ufffd c", "file\ufffd\ufffd")
    assert report.unchanged == 3


def _lengths(texts: list[str]) -> list[list[float]]:
    return [[len(text), text.count("1"), 1.0] for text in texts]


def test_a_document_of_ten_megabytes_is_taken(store: embeddb.Store) -> None:
    docs = store.create_collection("docs", model=_lengths, index=None)
    text = "".join(f"Line {i} of a long, long text.\n" for i in range(330_000))
    assert len(text) > 10_000_000
    report = docs.ingest([("long", text), *GOOD])
    assert report.added == 3
    assert report.chunks > 1000
    check_chunks(store.url, "docs")
    assert docs.ingest([("long", text)]).unchanged == 1


def test_a_document_over_the_limit_is_refused(
    store: embeddb.Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("embeddb.pipeline.ingest.validation.MAX_DOCUMENT_CHARACTERS", 1000)
    docs = store.create_collection("docs", model=HashEncoder())
    report = docs.ingest([("large", "x" * 1001), ("fits", "x" * 1000)])
    assert [(failure.id, failure.error) for failure in report.failures] == [
        ("large", "DocumentTooLargeError")
    ]
    assert docs.count() == 1


def test_a_text_the_model_fails_on_is_isolated(store: embeddb.Store) -> None:
    docs = store.create_collection("docs", model=FragileEncoder())
    docs.ingest([("d7", "what was there before")])
    source = [(f"d{i}", f"text {i}") for i in range(700)]
    for i in (7, 300, 699):
        source[i] = (f"d{i}", f"some {POISON} {i}")
    source[400] = ("d400", f"a text that is {NAN}")
    report = docs.ingest(source)
    assert (report.added, report.failed) == (696, 4)
    assert {(failure.id, failure.error) for failure in report.failures} == {
        (f"d{i}", "EncodingError") for i in (7, 300, 400, 699)
    }
    assert any("the model choked" in failure.message for failure in report.failures)
    assert docs.get("d7")[0].content == "what was there before"
    check_chunks(store.url, "docs")
    with pytest.raises(EncodingError):
        docs.add([("a", "fine"), ("b", POISON)])
    assert docs.get("a") == []


VECTOR_FAULTS: list[tuple[Any, type[DocumentError]]] = [
    ([1, float("nan"), 0], InvalidVectorError),
    ([1, float("inf"), 0], InvalidVectorError),
    ([1, 1e39, 0], InvalidVectorError),
    ([0, 0, 0], InvalidVectorError),
    ([1, 2], DimensionMismatchError),
    ([1, 2, 3, 4], DimensionMismatchError),
    ([], InvalidVectorError),
    (["a", "b", "c"], InvalidVectorError),
    ([[1, 2, 3]], InvalidVectorError),
    ([1, None, 3], InvalidVectorError),
    ("not numbers", InvalidVectorError),
]


@pytest.mark.parametrize("storage", ["vector", "halfvec"])
def test_a_faulty_vector_is_refused_by_every_way_in(store: embeddb.Store, storage: str) -> None:
    docs = store.create_collection("docs", model=None, dim=3, storage=storage)
    docs.add([{"id": "x", "embedding": [1, 2, 3]}])
    faults = list(VECTOR_FAULTS)
    if storage == "halfvec":
        faults += [([1, 70_000, 0], InvalidVectorError), ([1e-9, 0, 0], InvalidVectorError)]
    for vector, error in faults:
        given = [{"id": "x", "embedding": vector}, {"id": "fine", "embedding": [3, 2, 1]}]
        report = docs.ingest(given)
        assert report.failed == 1, vector
        name = report.failures[0].error
        assert issubclass(getattr(embeddb.errors, name), error), (vector, name)
        assert "x" in report.failures[0].id
        with pytest.raises(embeddb.EmbedDBError):
            docs.add(given)
        if isinstance(vector, list):
            with pytest.raises(error):
                docs.search(vector)
    embedding = docs.get("x", embeddings=True)[0].embedding
    assert np.array_equal(embedding, [1, 2, 3])  # type: ignore[arg-type]
    assert docs.count() == 2


@pytest.mark.parametrize("distance", ["l2", "l1", "inner_product"])
def test_a_zero_vector_is_fine_where_it_has_a_distance(store: embeddb.Store, distance: str) -> None:
    docs = store.create_collection("docs", model=None, dim=3, distance=distance)
    docs.add([{"id": "zero", "embedding": [0, 0, 0]}, {"id": "one", "embedding": [1, 1, 1]}])
    assert {hit.id for hit in docs.search([0, 0, 0])} == {"zero", "one"}


def test_a_document_without_a_vector_is_refused_where_there_is_no_model(
    store: embeddb.Store,
) -> None:
    docs = store.create_collection("docs", model=None, dim=3)
    report = docs.ingest([("a", "only text"), {"id": "b", "embedding": [1, 2, 3]}])
    assert (report.added, report.failures[0].error) == (1, "EmptyDocumentError")
    assert 'pass "embedding"' in report.failures[0].message


RAISE = """
CREATE FUNCTION public.refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.content LIKE '%%refused%%' THEN
        RAISE EXCEPTION 'house rule 7' USING ERRCODE = '{}', HINT = 'ask the house';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER refuse BEFORE INSERT OR UPDATE ON embeddb.docs
   FOR EACH ROW EXECUTE FUNCTION public.refuse();
"""

HOUSE_RULES = {
    "a constraint of the chunks": "ALTER TABLE embeddb.docs_g1 ADD CHECK (content !~ 'refused')",
    "a constraint of the documents": "ALTER TABLE embeddb.docs ADD CHECK (content !~ 'refused')",
    "a trigger": RAISE.format("P0001"),
    "a trigger with a code of its own": RAISE.format("HOUSE"),
}


@pytest.mark.parametrize("rule", HOUSE_RULES.values(), ids=HOUSE_RULES.keys())
@pytest.mark.parametrize("fresh", [True, False], ids=["fresh", "filled"])
def test_what_the_database_refuses_fails_alone(
    store: embeddb.Store, rule: str, *, fresh: bool
) -> None:
    docs = store.create_collection("docs", model=HashEncoder())
    if not fresh:
        docs.ingest([("d3", "a cat"), ("d4", "a dog"), ("other", "a cow")])
    rows(store.url, rule)
    source: list[tuple[str, str]] = [(f"d{i}", f"text {i}") for i in range(300)]
    for i in (3, 150, 299):
        source[i] = (f"d{i}", f"a refused text {i}")
    report = docs.ingest(source)
    assert sorted(failure.id for failure in report.failures) == ["d150", "d299", "d3"]
    assert {failure.error for failure in report.failures} == {"DocumentRefusedError"}
    assert all("Postgres refuses" in failure.message for failure in report.failures)
    assert report.added + report.updated == 297
    assert report.updated == (0 if fresh else 1)
    assert report.chunks == docs.count_chunks() - (0 if fresh else 2)
    if not fresh:
        assert docs.get("d3")[0].content == "a cat"
    check_chunks(store.url, "docs")


def test_metadata_that_the_database_refuses_fails_alone(store: embeddb.Store) -> None:
    docs = store.create_collection("docs", model=HashEncoder())
    docs.ingest([(f"d{i}", f"text {i}") for i in range(10)])
    rows(store.url, "ALTER TABLE embeddb.docs ADD CHECK (NOT metadata @> '{\"draft\": true}')")
    changed = [
        {"id": f"d{i}", "content": f"text {i}", "metadata": {"draft": i == 4, "n": i}}
        for i in range(10)
    ]
    report = docs.ingest(changed)
    assert (report.updated, report.unchanged, report.failed) == (9, 0, 1)
    assert report.failures[0].id == "d4"
    assert docs.count({"draft": False}) == 9


def test_what_the_database_refuses_stops_a_strict_run_and_an_add(store: embeddb.Store) -> None:
    docs = store.create_collection("docs", model=HashEncoder())
    docs.ingest([("a", "a cat")])
    rows(store.url, HOUSE_RULES["a trigger"])
    source = [("a", "a lion"), *((f"d{i}", f"text {i}") for i in range(40)), ("b", "refused")]
    with pytest.raises(DocumentRefusedError, match=r"'b'.*house rule 7 ask the house"):
        docs.add(source)
    assert docs.get("a")[0].content == "a cat"
    assert docs.count() == 1
    with pytest.raises(IngestAbortedError, match=r"'b'.*house rule 7"):
        docs.ingest(source, strict=True)
    check_chunks(store.url, "docs")


def test_what_is_no_fault_of_a_row_ends_the_run(store: embeddb.Store) -> None:
    docs = store.create_collection("docs", model=HashEncoder())
    docs.ingest([("a", "a cat")])
    rows(store.url, RAISE.format("53100"))  # disk full
    with pytest.raises(DatabaseError, match="house rule"):
        docs.ingest([("a", "a lion"), ("b", "refused")])
    assert docs.get("a")[0].content == "a cat"
    check_chunks(store.url, "docs")


def test_a_row_that_fits_into_no_partition_fails_alone(store: embeddb.Store) -> None:
    docs = store.create_collection(
        "docs",
        model=HashEncoder(),
        layout=ListPartitions("tenant", ("a", "b")),
    )
    rows(store.url, "DROP TABLE embeddb.docs_g1_pd")
    report = docs.ingest(
        [{"id": t, "content": f"text {t}", "metadata": {"tenant": t}} for t in ("a", "x", "b")],
        build_index=False,
    )
    assert (report.added, [failure.id for failure in report.failures]) == (2, ["x"])


LONG_ID = "https://example.org/?state=" + random.Random(1).randbytes(2000).hex()


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"id": LONG_ID}, "InvalidDocumentError"),
        ({"id": "a" * 3000}, "InvalidDocumentError"),
        ({"id": "ä" * 1400}, "InvalidDocumentError"),
        ({"media_type": "text/plain\0"}, "InvalidTextError"),
        ({"media_type": "text/\udce9"}, "InvalidTextError"),
        ({"media_type": 7}, "InvalidDocumentError"),
        ({"uri": 7}, "InvalidDocumentError"),
        ({"metadata": {"a\udce9": 1}}, "InvalidMetadataError"),
    ],
)
def test_a_field_that_cannot_be_stored_fails_its_document_alone(
    store: embeddb.Store, fields: dict[str, Any], error: str
) -> None:
    docs = store.create_collection("docs", model=None, dim=2)
    odd: dict[str, Any] = {"id": "odd", "embedding": np.array([0, 1], np.float32), **fields}
    for document in (embeddb.Document(**odd), odd):
        report = docs.ingest(
            [{"id": "a", "embedding": [1, 0]}, document, {"id": "b", "embedding": [1, 1]}]
        )
        assert [failure.error for failure in report.failures] == [error]
        assert [found.id for found in docs.get(["a", "b"])] == ["a", "b"]
    with pytest.raises(DocumentError):
        docs.add([{"id": "c", "embedding": [1, 0]}, embeddb.Document(**odd)])
    assert docs.count() == 2


def test_the_longest_id_is_stored(store: embeddb.Store) -> None:
    docs = store.create_collection("docs", model=None, dim=2)
    id = LONG_ID[:2600]
    assert docs.add([{"id": id, "embedding": [1, 0]}]).added == 1
    assert docs.search([1, 0], 1)[0].id == id


def test_a_title_that_cannot_be_stored_is_repaired_and_reported(store: embeddb.Store) -> None:
    docs = store.create_collection("docs", model=HashEncoder())
    odd = {"id": "x", "content": "text", "metadata": {"title": "Annual\0 \ud83d", "n": 1}}
    for _ in range(2):
        report = docs.ingest([odd])
        assert [failure.id for failure in report.repaired] == ["x"]
        assert "title" in report.repaired[0].message
        assert docs.get("x")[0].metadata == {"title": "Annual\ufffd \ufffd", "n": 1}
    assert report.unchanged == 1


def test_whole_numbers_of_any_size_are_kept(store: embeddb.Store) -> None:
    docs = store.create_collection("docs", model=HashEncoder())
    metadata = {"a": 2**64, "b": [-(2**63) - 1, {"c": 10**40}], "d": 2**63, "e": 1.5}
    document = {"id": "x", "content": "text", "metadata": metadata}
    docs.add([document])
    assert docs.get("x")[0].metadata == metadata
    assert docs.ingest([document]).unchanged == 1
    assert docs.count({"a": 2**64}) == 1
