"""What a document must be before it may be written."""

from __future__ import annotations

import json
from datetime import date
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from embeddb.errors import (
    DocumentTooLargeError,
    EmptyDocumentError,
    InvalidDocumentError,
    InvalidMetadataError,
    InvalidTextError,
)
from embeddb.pipeline.ingest import validation
from embeddb.pipeline.ingest.validation import (
    check_content,
    id_data,
    metadata_json,
    repair,
    utf8,
)
from embeddb.records import Document


@given(st.text(st.characters(codec=None)))
def test_repaired_text_is_storable_and_as_long(text: str) -> None:
    repaired = repair(text)
    assert utf8(repaired) == repaired.encode()
    assert len(repaired) == len(text)
    assert all(a == b for a, b in zip(text, repaired, strict=True) if b != "\ufffd")
    if utf8(text) is not None:
        assert repaired == text


@given(
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers()
        | st.floats()
        | st.text(st.characters(codec=None)),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.text(st.characters(codec=None)), inner, max_size=3)
        ),
        max_leaves=8,
    )
)
def test_metadata_is_written_as_it_is_or_refused(value: Any) -> None:  # noqa: ANN401
    document = Document(id="x", metadata={"value": value})
    try:
        data = metadata_json(document)
    except InvalidMetadataError as error:
        assert "'x'" in str(error)
        return
    assert json.loads(data) == {"value": value}
    assert "\\u0000" not in json.dumps(json.loads(data)).replace("\\\\", "")


@pytest.mark.parametrize("metadata", [[1], "text", 5, None, {"a": float("nan")}, {"a": object()}])
def test_metadata_that_is_no_json_object_is_refused(metadata: Any) -> None:  # noqa: ANN401
    with pytest.raises(InvalidMetadataError):
        metadata_json(Document(id="x", metadata=metadata))


@pytest.mark.parametrize(
    ("id", "error", "message"),
    [
        (7, InvalidDocumentError, "The id 7 is of type int; ids are strings"),
        (None, InvalidDocumentError, "is of type NoneType"),
        ("", InvalidDocumentError, "has an empty id"),
        ("a\0b", InvalidTextError, "NUL character or a lone surrogate"),
        ("\ud800", InvalidTextError, "give the document another id"),
    ],
)
def test_an_id_is_text_that_postgres_can_store(id: Any, error: type, message: str) -> None:  # noqa: ANN401
    with pytest.raises(error, match=message):
        id_data(Document(id=id, content="text"))


def test_an_id_is_kept_as_it_is() -> None:
    assert id_data(Document(id=" ä/1 ")) == " ä/1 ".encode()


VECTOR = np.ones(3, dtype=np.float32)


@pytest.mark.parametrize(
    ("document", "has_model", "error", "message"),
    [
        (Document(id="x", content=b"bytes"), True, InvalidDocumentError, "of type bytes"),  # type: ignore[arg-type]
        (Document(id="x"), True, EmptyDocumentError, "no text to encode"),
        (Document(id="x", content=" \n"), True, EmptyDocumentError, "no text to encode"),
        (Document(id="x", content="text"), False, EmptyDocumentError, 'pass "embedding"'),
        (
            Document(id="x", content="text", embedding=VECTOR),
            True,
            InvalidDocumentError,
            "create the collection with model=None",
        ),
    ],
)
def test_a_document_holds_what_its_collection_needs(
    document: Document, has_model: bool, error: type, message: str
) -> None:
    with pytest.raises(error, match=message) as caught:
        check_content(document, has_model=has_model)
    assert "'x'" in str(caught.value)


def test_a_document_with_text_or_with_a_vector_passes() -> None:
    check_content(Document(id="x", content="text"), has_model=True)
    check_content(Document(id="x", embedding=VECTOR), has_model=False)
    check_content(Document(id="x", content="", embedding=VECTOR), has_model=False)


def test_a_text_over_the_limit_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(validation, "MAX_DOCUMENT_CHARACTERS", 1_000)
    check_content(Document(id="x", content="a" * 1_000), has_model=True)
    with pytest.raises(DocumentTooLargeError, match=r"has 1,001 characters; the limit is 1,000"):
        check_content(Document(id="x", content="a" * 1_001), has_model=True)


@pytest.mark.parametrize(
    ("metadata", "message"),
    [
        ({"a": [1, {"b": float("inf")}]}, "NaN or an infinite number"),
        ({"a": {"b": ["x\0"]}}, "NUL character"),
        ({"\0": 1}, "NUL character"),
        ({1: "a"}, "is not JSON"),
        ({"a": 10**5_000}, "is not JSON"),
        ({"a": Decimal("NaN")}, "is not JSON"),
    ],
)
def test_what_jsonb_cannot_hold_is_found_at_any_depth(metadata: Any, message: str) -> None:  # noqa: ANN401
    with pytest.raises(InvalidMetadataError, match=message):
        metadata_json(Document(id="x", metadata=metadata))


def test_null_and_a_written_out_nul_are_fine() -> None:
    written = metadata_json(Document(id="x", metadata={"a": None, "b": "\\u0000"}))
    assert json.loads(written) == {"a": None, "b": "\\u0000"}


def test_numbers_of_any_size_are_written_in_full() -> None:
    big, exact = 123456789012345678901234, Decimal("0.12345678901234567890")
    metadata = {"a": big, "b": [{"c": -big}, exact], "d": 2**64 - 1, "e": date(2020, 1, 2)}
    written = metadata_json(Document(id="x", metadata=metadata))
    assert b'"e":"2020-01-02"' in written
    read = json.loads(written, parse_float=Decimal)
    assert (read["a"], read["b"], read["d"]) == (big, [{"c": -big}, exact], 2**64 - 1)
