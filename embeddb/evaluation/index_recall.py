"""Recall of a collection's index, on its own vectors or on the caller's queries."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from psycopg import errors as pg

from embeddb.db.database import Database
from embeddb.errors import DatabaseError
from embeddb.evaluation.questions import Truth, asking, questions
from embeddb.evaluation.recall import Question, RecallReport, measure_recall, reachable_share
from embeddb.evaluation.settings import search_settings
from embeddb.records import Vector
from embeddb.repository.catalog.recall_history import RecallHistory
from embeddb.repository.search.plans import Plans
from embeddb.repository.search.searcher import Searcher, make_request
from embeddb.schema.catalog import CollectionRecord


def index_recall(
    database: Database,
    record: CollectionRecord,
    searcher: Searcher,
    *,
    sample: int,
    limit: int,
    queries: Sequence[Vector] | None,
    truth: Truth | None,
    progress: Callable[[int], None],
) -> RecallReport:
    """Compare the index with exact search, write the result into recall_history, and return it.

    Raises:
        ConfigurationError: `sample` is below 1, or `truth` and `queries` do not match.
    """
    asked = questions(database, record, sample=sample, limit=limit, queries=queries, truth=truth)
    index = index_read_by(database, record, searcher, asked, limit)
    with database.connection() as connection:
        report = measure_recall(
            asked,
            ann=asking(searcher, connection, limit),
            exact=asking(searcher, connection, limit, exact=True),
            limit=limit,
            index=index,
            settings=search_settings(record.generation.index, limit),
            progress=progress,
        )
        if queries is None:
            first = asking(searcher, connection, 1)
            report = replace(
                report,
                reachable=reachable_share(
                    [question._replace(without=None) for question in asked],
                    first,
                    record.generation.distance.to_itself,
                ),
            )
    how = {
        "queries": queries is not None,
        "truth": truth is not None,
        "reachable": report.reachable,
    }
    keep(database, record, report.recall, report.limit, report.sample, how)
    return report


def index_read_by(
    database: Database,
    record: CollectionRecord,
    searcher: Searcher,
    asked: Sequence[Question],
    limit: int,
) -> str | None:
    """Return the name of the vector index that Postgres reads for such questions, or None."""
    if not asked or record.generation.index is None:
        return None
    request = make_request(limit, without=asked[0].without)
    return Plans(database, record, searcher).index(asked[0].vector, request)


def keep(
    database: Database,
    record: CollectionRecord,
    recall: float,
    limit: int,
    sample: int,
    how: Mapping[str, Any],
) -> None:
    """Write a measurement into recall_history, if the role may.

    Args:
        database: where the collection is.
        record: the collection, with the index that was measured.
        recall: what was measured.
        limit: how many rows each search was for.
        sample: how many queries were asked.
        how: what else tells it from other measurements, e.g. whether the caller gave the queries.
    """
    try:
        RecallHistory(database).add(record, recall=recall, limit=limit, sample=sample, how=how)
    except DatabaseError as error:  # a reader may measure, but not write
        cause = error.__cause__
        if not isinstance(cause, pg.InsufficientPrivilege | pg.ReadOnlySqlTransaction):
            raise
