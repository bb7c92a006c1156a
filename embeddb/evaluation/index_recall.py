"""Recall of a collection's index, on its own vectors or on queries of the caller's."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from psycopg import errors as pg

from embeddb.db.database import Database
from embeddb.errors import DatabaseError
from embeddb.evaluation.recall import RecallReport, measure_recall
from embeddb.records import Hit, Vector
from embeddb.repository.collections import Collections
from embeddb.repository.documents import Documents
from embeddb.repository.search import Searcher, make_wish
from embeddb.schema.catalog import CollectionRecord


def index_recall(
    database: Database,
    record: CollectionRecord,
    searcher: Searcher,
    *,
    sample: int,
    limit: int,
    queries: Sequence[Vector] | None,
    progress: Callable[[int], None],
) -> RecallReport:
    """Compare the index with exact search, and keep the result in recall_history."""
    own: dict[bytes, str] = {}  # a stored vector is asked for without its own document
    if queries is None:
        keys, vectors = Documents(database, record).sample(sample)
        queries = list(vectors)
        own = {vector.tobytes(): id for (id, _), vector in zip(keys, vectors, strict=True)}

    index_used = _index_used(searcher, record, queries, limit)
    with database.connection() as connection:

        def search(vector: Vector, *, exact: bool) -> list[Hit]:
            wish, values = make_wish(limit, exact=exact, without=own.get(vector.tobytes()))
            return searcher.search_on(connection, vector, wish, values)

        report = measure_recall(
            queries,
            ann=lambda vector: search(vector, exact=False),
            exact=lambda vector: search(vector, exact=True),
            limit=limit,
            index_used=index_used,
            progress=progress,
        )
    _keep(database, record, report)
    return report


def _index_used(
    searcher: Searcher, record: CollectionRecord, queries: Sequence[Vector], limit: int
) -> bool:
    index = record.generation.index
    if index is None or not queries:
        return False
    used = searcher.indexes_used(np.asarray(queries[0]), *make_wish(limit))
    return record.tables.vector_index(index.method) in used


def _keep(database: Database, record: CollectionRecord, report: RecallReport) -> None:
    values = {"recall": report.recall, "limit": report.limit, "sample": report.sample}
    try:
        Collections(database).record_recall(record, values)
    except DatabaseError as error:  # a reader may measure, though not write it down
        cause = error.__cause__
        if not isinstance(cause, pg.InsufficientPrivilege | pg.ReadOnlySqlTransaction):
            raise
