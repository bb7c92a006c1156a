"""Asking Postgres what the user's own SQL means: on an empty table of the source's columns."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psycopg
from psycopg import errors as pg
from psycopg import sql

from embeddb.db.database import Connection
from embeddb.db.queries import Name, fragment, query
from embeddb.errors import ExpressionError
from embeddb.repository.attached.adopt import holds_vectors

CONSTRAINT = "embeddb_probe"
IS_NOT_NULL = " IS NOT NULL)"
"""What stands after the expression in the CHECK that it is kept in."""


@dataclass(frozen=True, slots=True)
class Understood:
    """An expression as Postgres understands it."""

    text: str
    columns: tuple[str, ...]


class Probe:
    """Tries the user's SQL on an empty table of the source's columns."""

    def __init__(self, connection: Connection, schema: str, table: str) -> None:
        self._connection = connection
        self._place = schema + "." + table
        self._names: dict[str, sql.Composable] = {
            "source": Name(schema, table),
            "probe": Name("pg_temp", table),
            "constraint": Name(CONSTRAINT),
        }
        self._probe = sql.Identifier("pg_temp", table).as_string()

    def understand(self, text: str, types: frozenset[int] | set[int], type_name: str) -> Understood:
        """Return an expression as Postgres understands it; nothing of the attempt is left.

        Raises:
            ExpressionError: it does not parse, has another type, looks at more than one row, or
                is not the same each time.
        """
        found: list[Understood] = []
        try:
            with self._connection.transaction():
                self._connection.execute(query("attach.copy_shape", **self._names), {})
                self._check_type(text, types, type_name)
                found.append(self._keep(text))
                raise psycopg.Rollback  # the table has served its purpose
        except pg.InsufficientPrivilege:
            raise
        except psycopg.Error as error:
            raise ExpressionError(self._explained(text, error)) from error
        return found[0]

    def _check_type(self, text: str, types: frozenset[int] | set[int], type_name: str) -> None:
        statement = query("attach.try_expression", expression=fragment(text), **self._names)
        cursor = self._connection.execute(statement, {"rows": 0})
        columns = cursor.description or []
        if len(columns) != 1:
            raise ExpressionError(
                f"{text!r} is {len(columns)} expressions, not one: join texts with || or concat_ws."
            )
        if columns[0].type_code not in types:
            found = {"oid": columns[0].type_code}
            row = self._connection.execute(query("attach.type_name"), found).fetchone()
            assert row is not None  # it has no FROM
            if type_name == "text" and holds_vectors(row[0]):
                raise ExpressionError(
                    f"{text!r} is of type {row[0]}: a model would encode its digits. Name the "
                    "columns of the text that its vectors were made from. To take the vectors of a "
                    "column, name it in embedding_column (--embedding-column)."
                )
            raise ExpressionError(
                f"{text!r} is of type {row[0]}, not {type_name}: cast it with "
                f"({text})::{type_name}."
            )

    def _keep(self, text: str) -> Understood:
        statement = query("attach.keep_expression", expression=fragment(text), **self._names)
        self._connection.execute(statement, {})
        with plain_path(self._connection):
            row = self._connection.execute(
                query("attach.kept"), {"probe": self._probe, "constraint": CONSTRAINT}
            ).fetchone()
        assert row is not None
        written, columns, volatile = row
        if volatile:
            raise ExpressionError(
                f"{text!r} calls {', '.join(volatile)}, which gives another result each time: "
                "nobody could tell whether a row changed since it was encoded."
            )
        if None in columns:
            raise ExpressionError(f"{text!r} reads whole rows: name the columns that it needs.")
        if not (written.startswith("(") and written.endswith(IS_NOT_NULL)):
            raise ExpressionError(f"{text!r} is nothing that embeddb can read back: {written}")
        return Understood(written[1 : -len(IS_NOT_NULL)], tuple(columns))

    def _explained(self, text: str, error: psycopg.Error) -> str:
        message = error.diag.message_primary or str(error)
        message = message.replace("check constraint", "such an expression")
        hint = " " + error.diag.message_hint if error.diag.message_hint else ""
        if "subquery" in message:
            hint = (
                " A text may read other tables that are declared: "
                'depends_on={"public.comments": "post_id"} or --depends-on public.comments=post_id.'
            )
        return f"{text!r} cannot be had of a row of {self._place}: {message}.{hint}"


@contextmanager
def plain_path(connection: Connection) -> Iterator[None]:
    """Have Postgres write names with their schemas inside the block."""
    path = connection.execute(query("settings.get"), {"name": "search_path"}).fetchone()
    assert path is not None
    connection.execute(query("attach.plain_path"), {})
    yield
    change = {"name": "search_path", "value": path[0], "local": True}
    connection.execute(query("settings.set"), change)
