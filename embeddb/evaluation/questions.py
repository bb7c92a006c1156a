"""The questions that a collection is measured with: its own vectors, or the caller's queries."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TypeAlias

from embeddb.db.database import Connection, Database
from embeddb.errors import ConfigurationError
from embeddb.evaluation.recall import Question, first_ids
from embeddb.records import Hit, Vector
from embeddb.repository.collections.documents import Documents
from embeddb.repository.search.searcher import Searcher, make_request
from embeddb.schema.catalog import CollectionRecord

Truth: TypeAlias = Sequence[Iterable[str]]
"""For each query, the ids of the documents that it should find, the nearest first."""


def questions(
    database: Database,
    record: CollectionRecord,
    *,
    sample: int,
    limit: int,
    queries: Sequence[Vector] | None = None,
    truth: Truth | None = None,
) -> list[Question]:
    """Return the questions: the caller's queries, or stored vectors without their own documents.

    Stored vectors come as they are compared: normalized and transformed already, bits as 1
    and -1.

    Raises:
        ConfigurationError: `sample` is below 1, or `truth` comes without queries or has another
            length.
    """
    if sample < 1:
        raise ConfigurationError(f"sample must be at least 1, not {sample}.")
    if queries is None:
        if truth is not None:
            raise ConfigurationError("truth= is what queries= should find: pass both.")
        keys, vectors = Documents(database, record).sample(sample)
        return [Question(vector, without=id) for (id, _), vector in zip(keys, vectors, strict=True)]
    if truth is None:
        return [Question(vector) for vector in queries]
    if len(truth) != len(queries):
        raise ConfigurationError(
            f"truth= has the ids of {len(truth)} queries, and there are {len(queries)}: pass ids "
            "for each query."
        )
    return [
        Question(vector, truth=first_ids(ids, limit))
        for vector, ids in zip(queries, truth, strict=True)
    ]


def asking(
    searcher: Searcher, connection: Connection, limit: int, *, exact: bool = False
) -> Callable[[Question], list[Hit]]:
    """Return a function that asks a question on one connection."""

    def ask(question: Question) -> list[Hit]:
        shape, values = make_request(limit, exact=exact, without=question.without)
        return searcher.search_on(connection, question.vector, shape, values)

    return ask
