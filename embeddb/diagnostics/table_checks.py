"""The doctor's checks of Postgres's statistics: sizes, use, dead rows."""

from __future__ import annotations

from collections.abc import Iterator

from psycopg import sql

from embeddb.db.database import Database
from embeddb.diagnostics.findings import Finding
from embeddb.diagnostics.units import size
from embeddb.quantizers import imbalance
from embeddb.repository.collections.health import IndexHealth, TableState
from embeddb.repository.indexes.indexes import Indexes
from embeddb.repository.indexes.ivfpq import Codes
from embeddb.repository.indexes.listing import IndexInfo
from embeddb.schema.catalog import CollectionRecord
from embeddb.schema.indexes import IVFPQ

BLOAT = 2.0
"""An index is worth rebuilding when it is this many times as large as its rows need."""

LEAST_BLOAT = 16 * 1024**2
"""Fewer bytes than these are not worth a finding."""

DEAD_SHARE = 0.2
LEAST_DEAD = 1_000
"""An HNSW scan counts dead rows among its candidates: with half of them dead, 20 of 40 came."""

UNEVEN = 3.0
"""The lists of a freshly built IVF-PQ index come to 1.1 to 1.5; twice as much is worth a build."""

UNUSED_SCANS = 100
UNUSED_ROWS = 1_000
"""Postgres rightly reads a small table as a whole, and a few whole reads are builds and counts."""


def check_tables(database: Database, record: CollectionRecord, chunks: int) -> Iterator[Finding]:
    """Yield where the statistics of the chunks and of their index are not as they should be.

    Args:
        database: where the collection is.
        record: the collection.
        chunks: how many chunks it has; at least one.
    """
    name = record.name
    state = IndexHealth(database, record).table()
    table = sql.Identifier(record.tables.schema, record.tables.chunks_name).as_string()
    if state.planned < 0:
        message = "Postgres has no statistics for the chunks, so its query plans are guesses."
        yield Finding("warn", name, message, f"ANALYZE {table};")
    index = _vector_index(database, record)
    # REINDEX first: VACUUM then has a smaller index to clean
    rebuild = f"{_reindex(record.tables.schema, index)}VACUUM {table};"
    if state.dead > max(LEAST_DEAD, DEAD_SHARE * chunks):
        message = f"Searches visit {state.dead:,} dead rows among the {chunks:,} chunks."
        yield Finding("warn", name, message, f"In this order: {rebuild}")
    if index is None:
        return
    if isinstance(record.generation.index, IVFPQ):
        yield from _lists(database, record)
    yield from _bloat(database, record, index, chunks, rebuild)
    yield from _use(name, index, state, chunks)


def _bloat(
    database: Database, record: CollectionRecord, index: IndexInfo, chunks: int, remedy: str
) -> Iterator[Finding]:
    spec = record.generation.index
    if spec is None:
        return
    needed = Indexes(database, record).estimated_bytes(spec, chunks)
    if needed and index.bytes > BLOAT * needed and index.bytes - needed > LEAST_BLOAT:
        message = f"Index {index.name} takes {size(index.bytes)}; its rows need {size(needed)}."
        yield Finding("warn", record.name, message, remedy)


def _use(name: str, index: IndexInfo, state: TableState, chunks: int) -> Iterator[Finding]:
    if index.scans or state.scans < UNUSED_SCANS or chunks < UNUSED_ROWS:
        return
    message = (
        f"Index {index.name} ({size(index.bytes)}) was never searched, while the whole table was "
        f"read {state.scans:,} times."
    )
    remedy = (
        f"See why: embeddb search '{name}' … --explain. Or drop it: embeddb index drop '{name}'"
    )
    yield Finding("warn", name, message, remedy)


def _lists(database: Database, record: CollectionRecord) -> Iterator[Finding]:
    found = imbalance(Codes(database, record).counts())
    if found > UNEVEN:
        message = (
            f"The lists of the IVF-PQ index are uneven: a search reads {found:.1f} times as many "
            "rows as with even lists."
        )
        yield Finding("warn", record.name, message, f"embeddb index build '{record.name}'")


def _vector_index(database: Database, record: CollectionRecord) -> IndexInfo | None:
    spec = record.generation.index
    if spec is None:
        return None
    wanted = record.tables.vector_index(spec.method)
    found = [info for info in Indexes(database, record).all() if info.name == wanted and info.valid]
    return found[0] if found else None


def _reindex(schema: str, index: IndexInfo | None) -> str:
    if index is None or index.method == IVFPQ.method:
        return ""
    return f"REINDEX INDEX CONCURRENTLY {sql.Identifier(schema, index.name).as_string()}; "
