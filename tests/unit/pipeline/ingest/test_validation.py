"""What a document must be before it may be written."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from embeddb.errors import InvalidMetadataError
from embeddb.pipeline.ingest.validation import metadata_json, repair, utf8
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
