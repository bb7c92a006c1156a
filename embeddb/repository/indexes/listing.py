"""The indexes of a collection as Postgres has them."""

from __future__ import annotations

from dataclasses import dataclass

from embeddb.db.boundary import translated
from embeddb.db.database import Connection
from embeddb.db.queries import query
from embeddb.repository.indexes.ivfpq_tables import names_of
from embeddb.schema.indexes import IVFPQ
from embeddb.schema.names import Tables


@dataclass(frozen=True, kw_only=True, slots=True)
class IndexInfo:
    """An index as Postgres has it."""

    name: str
    method: str
    valid: bool
    bytes: int
    definition: str
    scans: int


def list_indexes(connection: Connection, tables: Tables) -> list[IndexInfo]:
    """Return the indexes of both tables, primary keys apart."""
    found = []
    with translated():
        for table in (tables.documents_name, tables.chunks_name):
            rows = connection.execute(
                query("indexes.list"), {"schema": tables.schema, "table": table}
            ).fetchall()
            found += [
                IndexInfo(
                    name=row[0],
                    method=row[1],
                    valid=row[2],
                    bytes=row[3],
                    definition=row[4],
                    scans=row[5],
                )
                for row in rows
            ]
        found += _list_codes(connection, tables)
    return found


def _list_codes(connection: Connection, tables: Tables) -> list[IndexInfo]:
    """Return the IVF-PQ index, all of whose tables count as one."""
    names = names_of(tables)
    rows = connection.execute(
        query("ivfpq.info"),
        {
            "schema": tables.schema,
            "codes": names["codes"],
            "index": tables.vector_index(IVFPQ.method),
            "tables": list(names.values()),
        },
    ).fetchall()
    return [
        IndexInfo(
            name=row[0],
            method=IVFPQ.method,
            valid=row[1],
            bytes=row[4],
            definition=row[2],
            scans=row[3],
        )
        for row in rows
    ]
