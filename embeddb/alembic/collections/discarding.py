"""What a revision says of vectors that it discards, in a comment and in the log."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from embeddb.db.queries import statement
from embeddb.schema.catalog import CollectionRecord

log = logging.getLogger("embeddb.alembic")

_COUNTED = 1_000_000
"""Chunks are counted up to here."""

_REMOVED = "No model declares it any more."
_KEPT_BY = {
    "table": "If the table was renamed, op.rename_table() in place of drop and create keeps them.",
    "storage": "`embeddb convert` makes bits of numbers without encoding anything.",
    "transform": "`embeddb convert` changes the transform without encoding anything.",
}
_BESIDE = "An Embedding of another name beside the old one is searched once it is encoded."


def note_reversed(name: str) -> tuple[str, ...]:
    """Return the comment on a collection that another direction of the revision attaches."""
    return (f"This discards the vectors of collection {name!r}.",)


def note_removed(connection: sa.Connection, record: CollectionRecord) -> tuple[str, ...]:
    """Return the comment on a collection that no model declares any more, and log a warning."""
    lost = _lost(connection, record)
    log.warning("The revision detaches %s. %s", lost, _REMOVED)
    return (f"This discards {lost}.", _REMOVED + " To keep them, keep its Embedding.")


def note_replaced(
    connection: sa.Connection, record: CollectionRecord, differences: Sequence[str]
) -> tuple[str, ...]:
    """Return the comment on a collection that is attached anew, and log a warning."""
    lost, why = _lost(connection, record), " and ".join(differences)
    log.warning("The revision detaches %s. Another %s: rows are encoded again.", lost, why)
    hints = [_KEPT_BY[difference] for difference in differences if difference in _KEPT_BY]
    if "table" not in differences:
        hints.append(_BESIDE)
    return (f"This discards {lost}.", f"Another {why}: its rows are encoded again.", *hints)


def _lost(connection: sa.Connection, record: CollectionRecord) -> str:
    count = _count(connection, record)
    if count is None:
        chunks = "all chunks"
    elif count > _COUNTED:
        chunks = f"more than {_COUNTED:,} chunks"
    else:
        chunks = f"{count:,} chunk{'' if count == 1 else 's'}"
    return f"the vectors of collection {record.name!r}, {chunks}"


def _count(connection: sa.Connection, record: CollectionRecord) -> int | None:
    """Return how many chunks a collection has, counted up to a limit; None: not to be known."""
    counted = statement("attach.count_chunks", chunks=record.tables.chunks)
    try:
        with connection.begin_nested():
            found: int = connection.execute(counted, {"limit": _COUNTED + 1}).scalar_one()
    except DBAPIError:
        return None
    return found
