"""What a document must be before it may be written."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from embeddb.errors import InvalidMetadataError, InvalidVectorError
from embeddb.pipeline.checks import check_query, check_vectors, metadata_json, repair, utf8
from embeddb.records import Document
from embeddb.schema.catalog import Generation
from embeddb.schema.distances import Distance
from embeddb.schema.storage import Storage


def _generation(
    distance: Distance = Distance.COSINE,
    storage: Storage = Storage.VECTOR,
    *,
    normalize: bool = False,
) -> Generation:
    return Generation(
        number=1,
        dim=3,
        distance=distance,
        storage=storage,
        model=None,
        normalize=normalize,
        chunker={},
        index=None,
        state="active",
    )


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


BAD = np.array([[1, 0, 0], [np.nan, 0, 0], [0, np.inf, 0], [0, 0, 0], [0, 3, 4]], dtype=np.float32)


def _refused(generation: Generation, rows: Any) -> set[int]:  # noqa: ANN401
    vectors = np.asarray(rows, dtype=np.float32)
    return set(check_vectors(vectors, generation, lambda row: f"row {row}")[1])


def test_rows_are_refused_one_by_one() -> None:
    assert _refused(_generation(), BAD) == {1, 2, 3}
    assert _refused(_generation(Distance.L2), BAD) == {1, 2}
    assert _refused(_generation(Distance.INNER_PRODUCT, normalize=True), BAD) == {1, 2, 3}
    _, problems = check_vectors(BAD, _generation(), lambda row: f"row {row}")
    assert all(f"row {row}" in str(error) for row, error in problems.items())


def test_half_precision_has_a_largest_and_a_smallest_number() -> None:
    half = _generation(storage=Storage.HALFVEC)
    rows = [[65504, 0, 0], [65536, 0, 0], [1e-9, 0, 0], [1e-9, 1, 0]]
    assert _refused(half, rows) == {1, 2}
    assert _refused(_generation(storage=Storage.HALFVEC, normalize=True), rows) == set()
    assert _refused(_generation(Distance.L2, Storage.HALFVEC), rows) == {1}


def test_rows_are_normalized_where_the_collection_is() -> None:
    vectors, problems = check_vectors(BAD[[0, 4]], _generation(normalize=True), str)
    assert problems == {}
    assert vectors.dtype == np.float32
    assert np.allclose(vectors, np.array([[1, 0, 0], [0, 0.6, 0.8]]))
    query = check_query([0, 30, 40], _generation(normalize=True))
    assert np.allclose(query, np.array([0, 0.6, 0.8]))


def test_a_query_is_checked_like_a_row() -> None:
    queries: list[Any] = [[0, 0, 0], [1, 2], [[1, 2, 3]], "abc", [1, None, 2], [1e39, 0, 0]]
    for query in queries:
        with pytest.raises(InvalidVectorError):
            check_query(query, _generation())
    assert check_query((1, 2, 3), _generation()).tolist() == [1, 2, 3]
