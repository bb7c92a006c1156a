"""What a search sets for its own index scan: each with `SET LOCAL`'s reach, inside the statement.

Meaning and limits: https://github.com/pgvector/pgvector#iterative-index-scans.
"""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from embeddb.db.database import Connection
from embeddb.db.queries import query
from embeddb.db.rendering import Expression, constant, number
from embeddb.schema.indexes import (
    DEFAULT_EF_SEARCH,
    HNSW,
    MAX_EF_SEARCH,
    IndexSpec,
    IVFFlat,
    widening,
)

Setting = tuple[str, Expression]


def setting_names(index: IndexSpec | None) -> Sequence[str]:
    """Return the names of the settings that a statement may set for itself."""
    match index:
        case HNSW():
            return ("hnsw.ef_search", "hnsw.iterative_scan")
        case IVFFlat():
            return ("ivfflat.probes", "ivfflat.iterative_scan")
        case _:
            return ()


def scan_settings(
    index: IndexSpec | None, rows: Expression | int, *, bounded: bool = False
) -> list[Setting]:
    """Return the settings of a scan that is to find so many rows.

    Without iterative scan the dead among the nearest would be missing in the answer.

    Args:
        index: the index to be scanned.
        rows: rows to find: a number, or an expression where it is a parameter.
        bounded: look at no more than so many rows, and find what of them may be seen. Where
            row-level security hides most, going on would find some that may, not the nearest.
    """
    match index:
        case HNSW(ef_search=ef_search):
            scan = ("hnsw.iterative_scan", constant("off" if bounded else "relaxed_order"))
            if (wider := widening(index)) > 1:
                rows = rows * wider
            return [scan, *_ef_search(ef_search or DEFAULT_EF_SEARCH, rows)]
        case IVFFlat(probes=probes):
            # what the probed lists lack of the limit is looked for in the next nearest ones
            scan = ("ivfflat.iterative_scan", constant("off" if bounded else "relaxed_order"))
            return [scan, ("ivfflat.probes", constant(str(probes or 1)))]
        case _:
            return []


def read_the_index(connection: Connection) -> None:
    """Make this transaction read a vector index even where reading all rows would be cheaper."""
    connection.execute(query("generations.read_the_index"), {})


def _ef_search(ef_search: int, rows: Expression | int) -> list[Setting]:
    if not isinstance(rows, int):
        return [("hnsw.ef_search", _text(_clamped(rows, ef_search, MAX_EF_SEARCH)))]
    candidates = min(max(rows, ef_search), MAX_EF_SEARCH)
    if candidates == DEFAULT_EF_SEARCH:
        return []
    return [("hnsw.ef_search", constant(str(candidates)))]


def _clamped(value: Expression, low: int, high: int) -> Expression:
    return sa.func.least(sa.func.greatest(value, number(low)), number(high))


def _text(value: Expression) -> Expression:
    return sa.cast(value, sa.Text)
