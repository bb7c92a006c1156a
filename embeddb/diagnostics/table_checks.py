"""What `embeddb doctor` reads in Postgres's statistics: sizes, use, dead rows."""

from __future__ import annotations

from collections.abc import Iterator

from psycopg import sql

from embeddb.collection import Collection
from embeddb.diagnostics.findings import Finding
from embeddb.diagnostics.units import size
from embeddb.repository.collections.health import IndexHealth, TableState
from embeddb.repository.indexes.indexes import Indexes, IndexInfo
from embeddb.repository.indexes.ivfpq import Codes
from embeddb.schema.indexes import IVFPQ
from embeddb.store import Store

BLOAT = 2.0
"""An index is built anew where it is so many times as large as its rows need."""

LEAST_BLOAT = 16 * 1024**2
"""Fewer bytes than these are not worth a finding."""

DEAD_SHARE = 0.2
LEAST_DEAD = 1_000
"""An HNSW scan counts dead rows among its candidates: with half of them dead, 20 of 40 came."""

UNEQUAL = 3.0
"""The lists of a freshly built IVF-PQ index come to 1.1 to 1.5; twice as much is worth a build."""

UNUSED_SCANS = 100
UNUSED_ROWS = 1_000
"""Postgres rightly reads a small table as a whole, and a few whole reads are builds and counts."""


def check_tables(store: Store, collection: Collection, chunks: int) -> Iterator[Finding]:
    """Compare what the statistics say of the chunks and of their index with what is to be."""
    name, record = collection.name, collection.record
    state = IndexHealth(store.database, record).table()
    table = sql.Identifier(record.tables.schema, record.tables.chunks_name).as_string()
    if state.planned < 0:
        message = "Postgres has no statistics of the chunks: plans are guesses."
        yield Finding("warn", name, message, f"ANALYZE {table};")
    index = _vector_index(collection)
    reindex = _reindex(record.tables.schema, index)
    if state.dead > max(LEAST_DEAD, DEAD_SHARE * chunks):
        message = f"{state.dead:,} dead rows among {chunks:,} chunks take part in searches."
        yield Finding("warn", name, message, f"In this order: {reindex}VACUUM {table};")
    if isinstance(record.generation.index, IVFPQ) and index is not None:
        yield from _imbalance(store, collection)
    if index is not None:
        yield from _bloat(store, collection, index, chunks, f"{reindex}VACUUM {table};")
        yield from _use(name, index, state, chunks)


def _bloat(
    store: Store, collection: Collection, index: IndexInfo, chunks: int, remedy: str
) -> Iterator[Finding]:
    spec = collection.record.generation.index
    if spec is None:
        return
    needed = Indexes(store.database, collection.record).estimated_bytes(spec, chunks)
    if needed and index.bytes > BLOAT * needed and index.bytes - needed > LEAST_BLOAT:
        message = f"Index {index.name} has {size(index.bytes)}; its rows need {size(needed)}."
        yield Finding("warn", collection.name, message, remedy)


def _use(name: str, index: IndexInfo, state: TableState, chunks: int) -> Iterator[Finding]:
    if index.scans or state.scans < UNUSED_SCANS or chunks < UNUSED_ROWS:
        return
    message = (
        f"Index {index.name} ({size(index.bytes)}) was never searched, and the chunks were read "
        f"as a whole {state.scans:,} times."
    )
    remedy = f"embeddb search '{name}' … --explain shows why; or embeddb index drop '{name}'"
    yield Finding("warn", name, message, remedy)


def _imbalance(store: Store, collection: Collection) -> Iterator[Finding]:
    from embeddb.quantizers import imbalance

    found = imbalance(Codes(store.database, collection.record).counts())
    if found > UNEQUAL:
        message = (
            f"The lists of the IVF-PQ index are unequal: a search reads {found:.1f} times what it "
            "would of equal ones."
        )
        yield Finding("warn", collection.name, message, f"embeddb index build '{collection.name}'")


def _vector_index(collection: Collection) -> IndexInfo | None:
    spec = collection.record.generation.index
    if spec is None:
        return None
    wanted = collection.record.tables.vector_index(spec.method)
    found = [info for info in collection.indexes() if info.name == wanted and info.valid]
    return found[0] if found else None


def _reindex(schema: str, index: IndexInfo | None) -> str:
    if index is None or index.method == IVFPQ.method:
        return ""
    return f"REINDEX INDEX CONCURRENTLY {sql.Identifier(schema, index.name).as_string()}; "
