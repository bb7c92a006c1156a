"""What a layout makes of the table of chunks: a column, partitions, an index on the parts."""

from __future__ import annotations

from psycopg import sql

from embeddb.db.database import Connection
from embeddb.db.queries import Name, Value, query
from embeddb.schema.catalog import CollectionRecord
from embeddb.schema.layouts import HashPartitions, Layout, ListPartitions


def layout_columns(layout: Layout | None) -> dict[str, sql.Composable]:
    """Return what a layout adds to the table's definition: a column, the key, the partitioning."""
    nothing = sql.SQL("")
    if layout is None:
        return {"part": nothing, "key": query("collections.key"), "partitioning": nothing}
    part = query("collections.part_column")
    match layout:
        case HashPartitions():
            partitioning: sql.Composable = query("collections.by_hash")
        case ListPartitions():
            partitioning = query("collections.by_list")
        case _:
            return {"part": part, "key": query("collections.key"), "partitioning": nothing}
    return {
        "part": part,
        "key": query("collections.key_with_part"),
        "partitioning": partitioning,
    }


def create_partitions(connection: Connection, record: CollectionRecord) -> None:
    """Create the partitions of a new table of chunks, if it has any, and index its parts."""
    layout, tables = record.generation.layout, record.tables
    if layout is None:
        return
    for number, suffix in enumerate(layout.suffixes):
        partition = Name(tables.schema, tables.partition(suffix))
        statement = _partition_sql(layout, number, partition, tables.chunks)
        connection.execute(statement, {})
    index = query("collections.index_parts", index=Name(tables.parts_index), chunks=tables.chunks)
    connection.execute(index, {})


def _partition_sql(
    layout: Layout, number: int, partition: sql.Composable, chunks: sql.Composable
) -> sql.Composed:
    names = {"partition": partition, "chunks": chunks}
    if isinstance(layout, HashPartitions):
        modulus, remainder = sql.Literal(layout.partitions), sql.Literal(number)
        return query(
            "collections.create_hash_partition", **names, modulus=modulus, remainder=remainder
        )
    if number == len(layout.values):
        return query("collections.create_default_partition", **names)
    part = Value(layout.parts[number])
    return query("collections.create_list_partition", **names, part=part)
