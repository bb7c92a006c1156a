"""Vectors that the rows of a table have already, in a column of the application's own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from psycopg import sql

from embeddb.db.database import Connection, Database, TransactionSource
from embeddb.db.queries import Name, query, script
from embeddb.errors import ColumnNotFoundError, EmbeddingColumnError, ExpressionError
from embeddb.records import Vector
from embeddb.repository.attached.rows import SourceRow
from embeddb.schema import attached_sql
from embeddb.schema.attached import SourceTable
from embeddb.schema.attached_ddl import source_of, table
from embeddb.schema.catalog import CollectionRecord, Generation
from embeddb.schema.keys import is_asked_for, key_text

NUMBERS = {"vector": "vector", "halfvec": "halfvec", "_float4": "real[]", "_float8": "float8[]"}
"""Types whose values are vectors of numbers, by the names in Postgres's catalog."""

NO_TEXT = NUMBERS | {"sparsevec": "sparsevec", "bit": "bit", "varbit": "bit varying"}
"""Types whose texts are digits: a model makes nothing of them."""

NEVER_IN_TEXT = frozenset(NO_TEXT) - {"bit", "varbit", "_float4", "_float8"}
"""Those that no expression reads for a text; flags and measurements may be written out in one."""

HEADER_BYTES = 4

SAMPLED_ROWS = 2_000
"""From about so many rows, in whole pages of the table, the sample is drawn."""


@dataclass(frozen=True, slots=True)
class Sampled:
    """A row and the vector that it has, shape (its own dimensions,)."""

    row: SourceRow
    vector: Vector


def column_kinds(connection: Connection, source: str) -> dict[str, tuple[str, int | None]]:
    """Return the kind of each column of a table, and its dimensions if the type fixes them."""
    rows = connection.execute(query("adopt.kinds"), {"source": source}).fetchall()
    return {name: (kind, modifier if modifier > 0 else None) for name, kind, modifier in rows}


def check_text_columns(
    connection: Connection, source: SourceTable, *, as_columns: Sequence[str]
) -> None:
    """Check that a text is not the digits of vectors.

    Args:
        connection: where the table is.
        source: what is read of the table.
        as_columns: the columns that are the text themselves; those of an expression are left out.

    Raises:
        ExpressionError: it is.
    """
    kinds = column_kinds(connection, table(source).as_string())
    only = all(kinds[name][0] in NO_TEXT for name in source.content_columns)
    for name in source.content_columns:
        kind = kinds[name][0]
        if kind == "tsvector" and name in as_columns:
            raise ExpressionError(
                f"Column {name} of {source.table_text} is a tsvector, which holds lexemes and no "
                "text: name the columns that it was made from."
            )
        if kind in NEVER_IN_TEXT or (kind in NO_TEXT and (only or name in as_columns)):
            raise ExpressionError(no_text(name, kind, source.table_text))


def holds_vectors(type: str) -> bool:
    """Return whether a type, as Postgres spells it, is one of vectors."""
    return type.rpartition(".")[2].partition("(")[0] in {"vector", "halfvec", "sparsevec", "bit"}


def no_text(name: str, kind: str, place: str) -> str:
    """Return the message that a column holds vectors and no text."""
    return (
        f"Column {name} of {place} is of type {NO_TEXT[kind]}: a model would encode its digits. "
        "Name the columns of the text that its vectors were made from. To take the vectors that "
        f'are there, add embedding_column="{name}" (--embedding-column {name}).'
    )


def check_column(
    connection: Connection, source: SourceTable, column: str, generation: Generation
) -> None:
    """Check that a column's vectors are of a type and a size that a generation can take.

    Raises:
        ColumnNotFoundError: there is no such column.
        EmbeddingColumnError: it holds something else, or vectors of another size.
    """
    place = source.table_text
    kinds = column_kinds(connection, table(source).as_string())
    if column not in kinds:
        known = ", ".join(name for name, (kind, _) in kinds.items() if kind in NUMBERS)
        raise ColumnNotFoundError(
            f"{place} has no column {column!r}."
            + (f" Its columns of vectors are: {known}." if known else "")
        )
    kind, dim = kinds[column]
    if kind not in NUMBERS:
        raise EmbeddingColumnError(
            f"Column {column} of {place} is of type {NO_TEXT.get(kind, kind)}: only vector, "
            "halfvec, real[] and float8[] hold what a text model makes. Leave embedding_column "
            "out, and workers encode the rows."
        )
    if kind in ("vector", "halfvec") and dim is not None and dim != generation.dim:
        model = generation.model.name if generation.model else "the model"
        raise EmbeddingColumnError(
            f"Column {column} of {place} holds vectors of {dim} dimensions, and {model} makes "
            f"{generation.dim}: name the model that the vectors were made with."
        )


class AdoptableRows:
    """Reads the vectors that the rows of a source have in one of its columns."""

    def __init__(self, database: Database, source: SourceTable, column: str) -> None:
        self._source = source
        self._column = column
        self._vector_schema = database.vector_schema()

    def sample(self, connection: Connection, limit: int) -> list[Sampled]:
        """Return up to so many rows that have a vector and a text, drawn from the whole table."""
        named = {"source": table(self._source).as_string()}
        row = connection.execute(query("adopt.rows"), named).fetchone()
        rows = row[0] if row else 0.0
        percent = min(100.0, 100.0 * SAMPLED_ROWS / rows) if rows > 0 else 100.0
        found = self._sample(connection, limit, percent)
        if len(found) < limit and percent < 100.0:
            found = self._sample(connection, limit, 100.0)
        return found

    def _sample(self, connection: Connection, limit: int, percent: float) -> list[Sampled]:
        source = self._source
        statement = script(
            "templates",
            "adopt_sample",
            content=attached_sql.content(source),
            metadata=attached_sql.metadata(source),
            send=sql.Identifier(self._vector_schema, "vector_send"),
            column=sql.Identifier(source.alias, self._column),
            vector=sql.Identifier(self._vector_schema, "vector"),
            source=table(source),
            alias=sql.Identifier(source.alias),
            percent=sql.Literal(percent),
            passes=attached_sql.passes(source) or sql.SQL("true"),
            limit=sql.Literal(limit),
        )
        rows = connection.execute(statement, prepare=False, binary=True).fetchall()
        return [
            Sampled(SourceRow(id=str(n), content=row[0], metadata=row[1]), as_vector(row[2]))
            for n, row in enumerate(rows)
        ]

    def read(self, connection: Connection, keys: Sequence[str]) -> dict[str, Vector]:
        """Return the vectors of the rows of these keys; rows without one are absent."""
        source = self._source
        columns = [
            sql.SQL("{} AS {}").format(Name("r", key.name), Name(key.view_name))
            for key in source.keys
        ]
        adopted = sql.SQL("r.{}::{} AS adopted").format(
            Name(self._column), Name(self._vector_schema, "vector")
        )
        documents = sql.SQL("(SELECT {} AS id, {} FROM {} r)").format(
            key_text(source, "r"),
            sql.SQL(", ").join([*columns, adopted]),
            Name(source.schema, source.table),
        )
        statement = query(
            "adopt.vectors",
            documents=documents,
            send=Name(self._vector_schema, "vector_send"),
            asked_for=is_asked_for(source),
        )
        rows = connection.execute(statement, {"ids": list(keys)}, binary=True).fetchall()
        return {row[0]: as_vector(row[1]) for row in rows}


class Adoptions:
    """What the queue knows of rows whose vectors are taken; each method is part of a transaction.

    A row's job is made, and removed again, in the transaction that takes the row's vector. Until
    that ends, whoever changes the row waits for the job, and makes another one.
    """

    def __init__(self, database: TransactionSource) -> None:
        self._names: dict[str, sql.Composable] = {
            name: Name(database.schema, name)
            for name in ("collections", "backfills", "jobs", "failed_jobs")
        }

    def mark(self, connection: Connection, record: CollectionRecord, column: str) -> None:
        """Have the existing rows of a collection keep the vectors of a column."""
        self._run(connection, "mark", {"name": record.name, "column": column})

    def column(self, connection: Connection, collection: int) -> str | None:
        """Return the column that vectors are taken from; None: the rows are to be encoded."""
        row = self._run(connection, "marked", {"collection": collection}).fetchone()
        return None if row is None else row[0]

    def state(self, connection: Connection, collection: int) -> tuple[int, int | None, bool]:
        """Return how many rows are done, of how many, and whether that is all."""
        row = self._run(connection, "state", {"collection": collection}).fetchone()
        return (0, None, True) if row is None else (row[0], row[1], row[2])

    def collection(self, connection: Connection, record: CollectionRecord) -> int:
        """Return the id of a collection."""
        row = self._run(connection, "collection", {"name": record.name}).fetchone()
        assert row is not None  # the caller has just made it
        return int(row[0])

    def enqueue(self, connection: Connection, collection: int, keys: Sequence[str]) -> list[str]:
        """Enqueue rows; return the keys of those that nothing has happened to since the attach."""
        rows = self._run(connection, "enqueue", {"collection": collection, "keys": list(keys)})
        return [key for key, has_failed in rows.fetchall() if not has_failed]

    def finish(self, connection: Connection, collection: int, keys: Sequence[str]) -> None:
        """Remove the jobs of rows whose vectors were taken."""
        self._run(connection, "finish", {"collection": collection, "keys": list(keys)})

    def _run(self, connection: Connection, name: str, values: dict[str, Any]) -> Any:  # noqa: ANN401
        return connection.execute(query("adopt." + name, **self._names), values)


def as_vector(sent: bytes) -> Vector:
    """Return a vector of its binary format, shape (its dimensions,)."""
    return np.frombuffer(sent, dtype=">f4", offset=HEADER_BYTES).astype(np.float32)


def source_rows(database: Database, record: CollectionRecord, column: str) -> AdoptableRows:
    """Return what reads the vectors of an attached collection's source."""
    return AdoptableRows(database, source_of(record), column)
