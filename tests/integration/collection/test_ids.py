"""Ids that are no texts are the same on writing, reading and deleting."""

from __future__ import annotations

from collections.abc import Iterator
from enum import IntEnum
from typing import Any
from uuid import UUID

import numpy as np
import pytest

import embeddb
from embeddb import Collection, Document
from embeddb.errors import ConfigurationError, IngestAbortedError
from embeddb.records import Failure

KEY = UUID("12345678-1234-5678-1234-567812345678")


class Number(IntEnum):
    SEVEN = 7


@pytest.fixture
def docs(store: embeddb.Store) -> Iterator[Collection]:
    docs = store.create_collection("docs", model=None, dim=2)
    docs.add(
        [
            {"id": 7, "embedding": [1, 0]},
            {"id": KEY, "embedding": [0, 1]},
            Document(id=8, embedding=np.array([1, 1], np.float32)),  # type: ignore[arg-type]
        ]
    )
    yield docs


@pytest.mark.parametrize(
    ("ids", "found"),
    [
        (7, ["7"]),
        ([7, "8"], ["7", "8"]),
        (np.int64(7), ["7"]),
        (np.array([8, 7]), ["8", "7"]),
        ((KEY, 9), [str(KEY)]),
        (KEY, [str(KEY)]),
        (range(7, 9), ["7", "8"]),
        (Number.SEVEN, ["7"]),
        (["\0", "\ud800", "", "7"], ["7"]),
        ([], []),
    ],
    ids=repr,
)
def test_ids_are_read_and_deleted_as_they_were_written(
    docs: Collection,
    ids: Any,  # noqa: ANN401
    found: list[str],
) -> None:
    assert [document.id for document in docs.get(ids)] == found
    assert [document.embedding is not None for document in docs.get(ids, embeddings=True)] == [
        True
    ] * len(found)
    assert docs.delete(ids=ids) == len(found)
    assert docs.count() == 3 - len(found)


@pytest.mark.parametrize("id", [7, np.int32(7), "7"])
def test_a_number_is_left_out_of_what_is_similar_to_it(
    docs: Collection,
    id: Any,  # noqa: ANN401
) -> None:
    assert [hit.id for hit in docs.similar(id)] == ["8", str(KEY)]


def test_a_document_is_replaced_by_the_number_it_was_added_with(docs: Collection) -> None:
    assert docs.add([{"id": 7, "embedding": [3, 1]}]).updated == 1
    assert docs.ingest([{"id": 7, "embedding": [3, 1]}]).unchanged == 1
    assert docs.ingest([Document(id=7, content="x", embedding=[3, 1])]).updated == 1  # type: ignore[arg-type]
    assert docs.count() == 3


@pytest.mark.parametrize("id", [True, 7.0, None, b"7", (1, 2)], ids=repr)
def test_what_is_no_id_is_refused(docs: Collection, id: Any) -> None:  # noqa: ANN401
    for call in (
        lambda: docs.get([id]),
        lambda: docs.similar(id),
        lambda: docs.delete(ids=[id]),
    ):
        with pytest.raises(ConfigurationError, match="An id is text, a whole number or a UUID"):
            call()
    with pytest.raises(IngestAbortedError, match="the id is"):
        docs.add([Document(id=id, embedding=[1, 0])])  # type: ignore[arg-type]
    assert docs.count() == 3


def test_an_id_that_cannot_be_stored_is_like_none(docs: Collection) -> None:
    with pytest.raises(ConfigurationError, match="There is no document"):
        docs.similar("a\0b")


def test_a_failure_in_a_list_stays_one(docs: Collection) -> None:
    failure = Failure(id="x", error="SourceError", message="broken")
    assert docs.ingest([failure]).failed == 1
