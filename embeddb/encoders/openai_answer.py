"""From an endpoint's answer to vectors: each for its text, checked one by one."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Any

import numpy as np

from embeddb.encoders.openai_refusals import DoubtfulError, TooLargeError, words_of
from embeddb.errors import EncodingError
from embeddb.records import Vector

_SHOWN_CHARACTERS = 200


@dataclass(frozen=True, slots=True)
class Answer:
    """What an endpoint answered to some texts.

    Attributes:
        vectors: shape (n, dim); NaN in the rows of the texts that have none.
        errors: what is wrong with the vectors of those texts, by row.
    """

    vectors: Vector
    errors: dict[int, EncodingError]


def read_answer(answer: object, count: int, dim: int | None, hint: str = "") -> Answer:
    """Return the vectors of an answer in the order of the texts.

    Args:
        answer: the answer's JSON.
        count: how many texts were sent.
        dim: how many dimensions to expect; None takes the first vector's.
        hint: added where a vector has another dimension.

    Raises:
        TooLargeError: there are vectors of half of the texts or fewer.
        DoubtfulError: there is no vector for each text, or none is to be told from the others.
        EncodingError: no vector is one, so that their dimension is not known.
    """
    rows = [_vector(entry.get("embedding")) for entry in _ordered(answer, count)]
    if dim is None:
        dim = next((len(row) for row in rows if not isinstance(row, str)), None)
        if dim is None:
            raise EncodingError(f"The endpoint returned {rows[0]}.")
    vectors = np.full((count, dim), np.nan, dtype=np.float32)
    errors: dict[int, EncodingError] = {}
    for number, row in enumerate(rows):
        problem = row if isinstance(row, str) else _problem(row, dim, hint)
        if problem:
            errors[number] = EncodingError(f"The endpoint returned {problem}.")
        else:
            vectors[number] = row
    return Answer(vectors, errors)


def _ordered(answer: object, count: int) -> list[dict[str, Any]]:
    """Return the entries of an answer in the order of the texts."""
    data = answer.get("data") if isinstance(answer, dict) else None
    if not isinstance(data, list) or not all(isinstance(entry, dict) for entry in data):
        words = words_of(answer)[0][:_SHOWN_CHARACTERS]
        raise DoubtfulError(f"HTTP 200: no list of embeddings: {words}")
    if 0 < len(data) <= count // 2:
        # Some servers take the first ten texts of a request, and say nothing of the others.
        raise TooLargeError(f"The endpoint returned {len(data)} embeddings for {count} texts.")
    if len(data) != count:
        raise DoubtfulError(f"The endpoint returned {len(data)} embeddings for {count} texts.")
    if count == 1:
        return data
    # Some servers leave the index out; then the order is the request's.
    indexes = [entry.get("index") for entry in data]
    if all(index is None for index in indexes):
        return data
    numbered = all(isinstance(index, int) for index in indexes)
    by_index = dict(zip(indexes, data, strict=True)) if numbered else {}
    if set(by_index) != set(range(count)):
        raise DoubtfulError(
            f"The endpoint numbered {count} embeddings in a way that does not tell which text each "
            "is of."
        )
    return [by_index[index] for index in range(count)]


def _vector(value: object) -> Vector | str:
    """Return a vector, shape (n,), from numbers or their bytes in base64, or what is wrong."""
    try:
        if isinstance(value, str):
            return np.frombuffer(base64.b64decode(value, validate=True), dtype="<f4")
        vector = np.asarray(value, dtype=np.float32)
    except (TypeError, ValueError):
        return "an embedding that is no list of numbers"
    if vector.ndim != 1 or not vector.size:
        return "an embedding that is no list of numbers"
    return vector


def _problem(vector: Vector, dim: int, hint: str) -> str:
    """Return what is wrong with a vector; empty: nothing."""
    if len(vector) != dim:
        return f"a vector of {len(vector)} dims, not {dim}" + (f" ({hint})" if hint else "")
    return "" if np.isfinite(vector).all() else "NaN or infinite values"
