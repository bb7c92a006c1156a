"""What a search sets for its own index scan: each with `SET LOCAL`'s reach, inside the statement.

Meaning and limits: https://github.com/pgvector/pgvector#iterative-index-scans.
"""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from embeddb.repository.rendering import Expression, constant, number
from embeddb.schema.indexes import (
    DEFAULT_EF_SEARCH,
    HNSW,
    MAX_EF_SEARCH,
    IndexSpec,
    IVFFlat,
    derived_of,
)

Setting = tuple[str, Expression]

MAX_FILTERED_EF_SEARCH = 400
"""Beyond this, going on from where a scan stopped is cheaper than a wider start."""

CODES_WIDER = 2
"""Many codes are equally far, and a graph over them leads astray more easily: looking at twice as
many as are rescored costs less than rescoring as many more would for the same recall."""

LEAST_SCANNED, MOST_SCANNED = 2_000, 20_000
SCANNED_PER_EXPECTED = 8
"""Tuples to look at before giving up on a filter that passes rows far from the query only: so
many times what would hold the wanted rows if the filter knew nothing of the query."""


def setting_names(index: IndexSpec | None) -> Sequence[str]:
    """Name the settings that a statement may set for itself."""
    match index:
        case HNSW():
            return ("hnsw.ef_search", "hnsw.iterative_scan", "hnsw.max_scan_tuples")
        case IVFFlat():
            return ("ivfflat.probes", "ivfflat.iterative_scan")
        case _:
            return ()


def scan_settings(
    index: IndexSpec | None, wanted: Expression | int, share: Expression | None
) -> list[Setting]:
    """Give the settings of a scan that is to find `wanted` rows.

    Without iterative scan the dead among the nearest would be missing in the answer.

    Args:
        index: the index to be scanned.
        wanted: rows to find: a number, or an expression where it is a parameter.
        share: how many rows there are for each one that passes the filter; None: no filter.
    """
    match index:
        case HNSW(ef_search=ef_search):
            scan = ("hnsw.iterative_scan", constant("relaxed_order"))
            derived = derived_of(index)
            if ef_search is None and derived is not None and derived.kind == "bit":
                wanted = wanted * CODES_WIDER
            if share is not None:
                return [scan, *_filtered(ef_search or DEFAULT_EF_SEARCH, wanted, share)]
            return [scan, *_unfiltered(ef_search or DEFAULT_EF_SEARCH, wanted)]
        case IVFFlat(probes=probes):
            # what the probed lists lack of the limit is looked for in the next nearest ones
            scan = ("ivfflat.iterative_scan", constant("relaxed_order"))
            return [scan, ("ivfflat.probes", constant(str(probes or 1)))]
        case _:
            return []


def _unfiltered(ef_search: int, wanted: Expression | int) -> list[Setting]:
    if not isinstance(wanted, int):
        return [("hnsw.ef_search", _text(_clamped(wanted, ef_search, MAX_EF_SEARCH)))]
    candidates = min(max(wanted, ef_search), MAX_EF_SEARCH)
    if candidates == DEFAULT_EF_SEARCH:
        return []
    return [("hnsw.ef_search", constant(str(candidates)))]


def _filtered(ef_search: int, wanted: Expression | int, share: Expression) -> list[Setting]:
    rows = number(wanted) if isinstance(wanted, int) else wanted
    expected = sa.cast(sa.func.pg_catalog.ceil(rows * share), sa.BigInteger)
    most = max(MAX_FILTERED_EF_SEARCH, ef_search)
    return [
        ("hnsw.ef_search", _text(_clamped(expected, ef_search, most))),
        (
            "hnsw.max_scan_tuples",
            _text(_clamped(expected * number(SCANNED_PER_EXPECTED), LEAST_SCANNED, MOST_SCANNED)),
        ),
    ]


def _clamped(value: Expression, low: int, high: int) -> Expression:
    return sa.func.least(sa.func.greatest(value, number(low)), number(high))


def _text(value: Expression) -> Expression:
    return sa.cast(value, sa.Text)
