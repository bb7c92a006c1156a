"""Rows of the table that a collection is attached to, and the chunks that are made of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from psycopg import errors as pg
from psycopg import sql

from embeddb.db.database import Connection, Database
from embeddb.db.queries import Name, query
from embeddb.errors import PermissionDeniedError, SharedKeyError
from embeddb.records import Vector
from embeddb.repository.attached.binding import check_key
from embeddb.repository.collections.documents import Batch, Documents, ReadyDocument
from embeddb.schema.attached_ddl import source_of, table
from embeddb.schema.catalog import CollectionRecord
from embeddb.schema.keys import (
    is_asked_for,
    join_key,
    key_columns,
    key_text,
    key_values,
    split_key,
)


@dataclass(frozen=True, kw_only=True, slots=True)
class SourceRow:
    """A row as a document: `id` is its key, `content` None where there is no text.

    Of a column of bytes, `content` is Base64.
    """

    id: str
    content: str | None
    metadata: dict[str, Any]
    media_type: str | None = None


class StoredChunk(NamedTuple):
    """A stored chunk: the hash of its text, and where that begins and ends in the document.

    Where it is empty, Postgres knows no begin and no end of it. `location` is what else is known of
    its place there, such as its headings.
    """

    content_hash: bytes
    start: int | None
    stop: int | None
    location: dict[str, Any] | None


class SourceRows:
    """Reads rows of one collection's source, through its view: as the role that asks."""

    def __init__(self, database: Database, record: CollectionRecord) -> None:
        source = self._source = source_of(record)
        self._record = record
        self._is_checked = not any(one.row_security for one in source.tables_read)
        self._names: dict[str, sql.Composable] = {
            "documents": record.tables.documents,
            "asked_for": is_asked_for(source),
            "keys": key_columns(source, "d"),
            "after": key_values(source, sql.Placeholder("after")),
        }

    def read(self, connection: Connection, keys: Sequence[str]) -> dict[str, SourceRow]:
        """Return the rows of these keys; those that are gone, or do not take part, are absent.

        Raises:
            PermissionDeniedError: row-level security hides rows from the role, which would be
                taken for gone.
            SourceChangedError: the table has another primary key now.
            SharedKeyError: several rows have one key, as of a table and one that inherits from it.
            psycopg.errors.DataError: the user's SQL fails on one of the rows.
        """
        self.check_sight(connection)
        check_key(connection, self._record)
        statement = query("source_rows.read", **self._names)
        rows = connection.execute(statement, {"ids": list(keys)}).fetchall()
        self._check_single([row[0] for row in rows])
        return {
            row[0]: SourceRow(id=row[0], content=row[1], metadata=row[2], media_type=row[3])
            for row in rows
        }

    def _check_single(self, ids: Sequence[str]) -> None:
        shared = [id for id, count in Counter(ids).items() if count > 1]
        if shared:
            raise SharedKeyError(
                f"Several rows of {self._source.table_text}, and of tables that inherit from it, "
                f"have the key {shared[0]!r}: give each a key of its own, or detach the collection."
            )

    def page(
        self, connection: Connection, after: Sequence[str] | None, limit: int
    ) -> tuple[list[str], list[str] | None]:
        """Return the next keys in the order of the primary key.

        Rows that the condition fails on are among them, so that the worker reports them.

        Args:
            connection: where to read, inside a transaction or not.
            after: what came with the page before, or None at the start.
            limit: how many keys; fewer: there are no more.

        Returns:
            The keys, and the last one to go on from.
        """
        values: dict[str, Any] = {"limit": limit}
        block = "source_rows.first_page"
        if after is not None:
            block = "source_rows.page"
            values["after"] = join_key(after)
        try:
            with connection.transaction():
                rows = connection.execute(query(block, **self._names), values).fetchall()
        except pg.DataError:
            rows = connection.execute(query(block, **self._names_unfiltered()), values).fetchall()
        found = [row[0] for row in rows]
        return found, split_key(self._source.keys, found[-1]) if found else None

    def split(self, key: str) -> list[str]:
        """Return the texts of a key's columns, as `page` takes and gives them."""
        return split_key(self._source.keys, key)

    def check_sight(self, connection: Connection) -> None:
        """Check that the role sees every row.

        Raises:
            PermissionDeniedError: row-level security hides rows from it, which would be taken for
                gone.
        """
        if self._is_checked:
            return
        for one in self._source.tables_read:
            named = {"source": table(one).as_string()}
            row = connection.execute(query("attached.sees_all"), named).fetchone()
            if row is not None and not row[0]:
                raise PermissionDeniedError(
                    f"Row-level security hides rows of {one.table_text} from this role, and "
                    "what is hidden would be taken for gone: encode as the table's owner, as a "
                    "role with BYPASSRLS, or give this one a policy: CREATE POLICY … FOR SELECT TO "
                    "… USING (true)."
                )
        self._is_checked = True

    def _names_unfiltered(self) -> dict[str, sql.Composable]:
        """Return the same names, but for all rows, whether they take part or not."""
        source = self._source
        key = key_text(source, "r")
        columns = (
            sql.SQL("{} AS {}").format(Name("r", one.name), Name(one.view_name))
            for one in source.keys
        )
        rows = sql.SQL("(SELECT {} AS id, {} FROM {} r)").format(
            key, sql.SQL(", ").join(columns), Name(source.schema, source.table)
        )
        return {**self._names, "documents": rows}


class AttachedChunks:
    """The chunks of one generation of an attached collection."""

    def __init__(self, database: Database, record: CollectionRecord) -> None:
        self._documents = Documents(database, record)
        self._chunks = record.tables.chunks

    def stored(self, connection: Connection, ids: Sequence[str]) -> dict[str, list[StoredChunk]]:
        """Return what is stored of these documents, chunk by chunk in order."""
        if not ids:
            return {}
        statement = query("source_rows.stored_chunks", chunks=self._chunks)
        rows = connection.execute(statement, {"ids": list(ids)}).fetchall()
        return {row[0]: list(map(StoredChunk, *row[1:])) for row in rows}

    def replace(
        self, connection: Connection, documents: Sequence[ReadyDocument], vectors: Vector
    ) -> None:
        """Put chunks in place of those stored of these documents, in the caller's transaction.

        Args:
            connection: inside a transaction.
            documents: with their chunks.
            vectors: of all the chunks in their order, shape (n, dim).

        Raises:
            GenerationChangedError: the collection was converted meanwhile; nothing is written.
        """
        batch = Batch(documents=list(documents), vectors=vectors)
        self._documents.replace_chunks(connection, batch)

    def remove(self, connection: Connection, ids: Sequence[str]) -> None:
        """Remove the chunks of these documents, in the caller's transaction."""
        self._documents.remove_chunks(connection, ids)

    def chunk_vectors(self, ids: Sequence[str]) -> dict[bytes, Vector]:
        """Return the stored vectors of these documents' chunks by the hash of their text."""
        return self._documents.chunk_vectors(ids)


def remove_orphans(connection: Connection, record: CollectionRecord) -> int:
    """Remove chunks of rows that are gone; return their number."""
    source = source_of(record)
    same = sql.SQL(" AND ").join(
        sql.SQL("{} = {}").format(Name("d", key.view_name), Name("c", key.chunk_name))
        for key in source.keys
    )
    statement = query(
        "attached.remove_orphans",
        chunks=record.tables.chunks,
        documents=record.tables.documents,
        same=same,
    )
    return connection.execute(statement, {"source": table(source).as_string()}).rowcount
