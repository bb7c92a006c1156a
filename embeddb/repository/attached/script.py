"""Attaching and detaching as SQL alone, for whoever prints it: no database is asked.

What only a database knows (which schema a table is in, what its owner's SQL means under the
search_path, which partitions there are) is looked up by the script itself when it runs. Until then
a mark stands in its place.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, cast

from psycopg import sql
from psycopg.postgres import types as known_types
from psycopg.types.json import Jsonb

from embeddb.db.database import Connection
from embeddb.db.queries import Name, fragment, query, script, verbatim
from embeddb.errors import IndexSpecError
from embeddb.records import ModelInfo
from embeddb.repository.attached.attach import Attachments
from embeddb.repository.attached.probe import CONSTRAINT, IS_NOT_NULL
from embeddb.repository.attached.resolve import Resolved
from embeddb.repository.collections.chunks_view import MARK
from embeddb.repository.collections.functions import Functions
from embeddb.schema import attached_ddl
from embeddb.schema.attached import KeyColumn, SourceTable
from embeddb.schema.attached_ddl import FollowedTable
from embeddb.schema.catalog import CollectionRecord, Generation
from embeddb.schema.index_rules import check_hidden
from embeddb.schema.keys import base_type
from embeddb.schema.names import CHUNKS_VIEW_SUFFIX, check_name, tables

_SCHEMA = "embeddb_script_schema_"
_CONTENT = "embeddb_script_content_"
_WHERE = "embeddb_script_where_"
_TYPE = "embeddb_script_type_"
_FOLLOWED_SCHEMA = "embeddb_script_followed_schema_"
_WHOLE = "embeddb_script_whole_"
_PART = "embeddb_script_part_"
_MARKED = re.compile(r"embeddb_script_[a-z_]+_(?:\d+_)?")

_PARAMETER = re.compile(r"%\((\w+)\)s|%%")
_MODEL = -1
"""The id of a model in a script: it is looked up where it is used."""

_TEXTS = ("text", "character varying", "character", "name")
_BOOLEANS = ("boolean",)


class Script:
    """A database that is not there: what would be executed is written, in `statements`.

    Args:
        schema: the schema that embeddb's tables are in.
        vector_schema: the schema that pgvector is said to be in.
        model: what a collection's model is.
    """

    def __init__(self, schema: str, vector_schema: str, model: ModelInfo | None = None) -> None:
        self.schema = schema
        self.statements: list[str] = []
        self._vector_schema = vector_schema
        self._model = model
        self._written: set[str] = set()
        self._if_secured = False

    @contextmanager
    def if_secured(self) -> Iterator[None]:
        """Have what is new in the block executed only where the table hides rows."""
        self._if_secured = True
        yield
        self._if_secured = False

    def vector_schema(self) -> str:
        """Return the schema that pgvector is said to be in."""
        return self._vector_schema

    @contextmanager
    def connection(self) -> Iterator[Connection]:
        """Yield what writes instead of executing."""
        yield cast(Connection, self)

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """Yield what writes instead of executing; the script's transaction is around it."""
        yield cast(Connection, self)

    def execute(
        self, statement: sql.Composable, values: Mapping[str, Any] | None = None, **_: object
    ) -> _Answer:
        """Write a statement, with its values in it."""
        text = statement.as_string(None)
        if values is not None:
            text = _PARAMETER.sub(lambda match: self._value(match, values), text)
        if not (self._if_secured and text in self._written):
            self._written.add(text)
            self.statements.append(self._ready(text).strip())
        return _Answer()

    def _ready(self, text: str) -> str:
        if self._if_secured:
            return _executed(text, script("templates", "attach_script_secured"))
        return _executed(text, _execution(text)) if _MARKED.search(text) else text

    def _value(self, match: re.Match[str], values: Mapping[str, Any]) -> str:
        if match[1] is None:
            return "%"
        value = values[match[1]]
        if value == _MODEL and match[1] == "model_id" and self._model is not None:
            return self._model_id(self._model)
        # a value is never found by the script: what has marks in it is completed at the end
        return _MARKED.sub("", sql.Literal(value).as_string(None))

    def _model_id(self, model: ModelInfo) -> str:
        return (
            verbatim("(SELECT m.id FROM {} m WHERE m.name = {} AND m.fingerprint = {})")
            .format(
                sql.Identifier(self.schema, "models"),
                sql.Literal(model.name),
                sql.Literal(model.fingerprint),
            )
            .as_string(None)
        )


class _Answer:
    """What a script knows of an answer: the one id that is asked for is a model's."""

    def fetchone(self) -> tuple[int]:
        """Return the one id that is asked for, which stands for a look-up by the script."""
        return (_MODEL,)

    def fetchall(self) -> list[tuple[Any, ...]]:
        """Return no rows."""
        return []


def write_attach(
    database: Script, name: str, source: SourceTable, generation: Generation, relation: str
) -> None:
    """Write the statements that attach a collection.

    Args:
        database: where they are written.
        name: the collection's.
        source: what is known of the source without asking: its columns by name and type.
        generation: what the collection begins with.
        relation: the table as SQL names it; without a schema, the search_path finds it.

    Raises:
        InvalidNameError: the name cannot be had.
    """
    marked = _marked(source)
    record = CollectionRecord(
        name=check_name(name),
        tables=tables(database.schema, name, 1),
        generation=generation,
        source=marked,
    )
    database.statements.append(_look_up(database, source, generation, relation).as_string(None))
    with database.transaction() as connection:
        connection.execute(query("vector_indexes.keep_path"), {})
        resolved = Resolved(source=marked, followed=_FOLLOWED)
        Attachments(database).attach_as(connection, record, resolved)
        _write_secured(database, connection, record)
        completed = script(
            "templates",
            "attach_script_source",
            collections=sql.Identifier(database.schema, "collections"),
            name=sql.Literal(name),
        )
        connection.execute(completed)
        connection.execute(query("vector_indexes.restore_path"), {})


def as_text(statements: Sequence[str]) -> str:
    """Return statements as the text of a script."""
    return "".join(statement + ";\n\n" for statement in statements)


def write_detach(database: Script, name: str) -> None:
    """Write one block that detaches a collection, or drops it: it looks up what is there."""
    named = {
        table: sql.Identifier(database.schema, table)
        for table in ("collections", "generations", "jobs")
    }
    database.execute(
        script(
            "templates",
            "detach_script",
            name=sql.Literal(name),
            schema_name=sql.Literal(database.schema),
            view_suffix=sql.Literal(CHUNKS_VIEW_SUFFIX),
            mark=sql.Literal(MARK),
            **named,
        )
    )


def _write_secured(database: Script, connection: Connection, record: CollectionRecord) -> None:
    """Write what is otherwise where the table has row-level security, which the script looks up."""
    assert record.source is not None
    secured = replace(record, source=replace(record.source, row_security=True))
    with database.if_secured():
        connection.execute(attached_ddl.policy(secured))
        Functions(database).create_search(connection, secured)


_FOLLOWED = tuple(
    FollowedTable(schema=_FOLLOWED_SCHEMA, table=mark, is_whole=mark == _WHOLE)
    for mark in (_WHOLE, _PART)
)
"""The triggers of a table whose emptying empties the source, and those of any other."""


def _marked(source: SourceTable) -> SourceTable:
    """Return a source with marks in the place of what the script looks up."""
    keys = [
        KeyColumn(name=key.name, type=_known(key.type) or f"{_TYPE}{place}_")
        for place, key in enumerate(source.keys, start=1)
    ]
    return replace(
        source,
        schema=_SCHEMA,
        keys=tuple(keys),
        types={name: _known(kind) or kind for name, kind in source.types.items()},
        content_sql=_CONTENT if source.expression is not None else None,
        where_sql=_WHERE if source.where is not None else None,
    )


def _known(kind: str) -> str | None:
    """Return a type of Postgres's own as Postgres spells it; None: some schema has it."""
    bare = base_type(kind).removesuffix("[]")
    found = known_types.get(bare)
    if found is None:
        return None
    return kind.replace(bare, found.regtype) if bare == found.name else kind


def _look_up(
    database: Script, source: SourceTable, generation: Generation, relation: str
) -> sql.Composed:
    declared = {key.name: kind for key in source.keys if (kind := _base(key.type))}
    reading = []
    if source.expression is not None:
        variables = {"written": "_content_sql", "read": "_content"}
        reading.append(_reading(source, relation, source.expression, _TEXTS, variables))
    if source.where is not None:
        variables = {"written": "_where_sql", "read": "_where"}
        reading.append(_reading(source, relation, source.where, _BOOLEANS, variables))
    looked_up = {"oid": verbatim("_source")}
    return script(
        "templates",
        "attach_script",
        source_text=sql.Literal(relation),
        keys=_array([key.name for key in source.keys]),
        types=sql.Literal(Jsonb(declared)),
        columns=_array(source.metadata),
        content_columns=_array(source.text or ()),
        vector_schema=sql.Literal(database.vector_schema()),
        followed=_filled("attach.followed", looked_up),
        key_names=_filled("attach.keys", looked_up),
        column_types=_filled("attach.columns", looked_up),
        hidden=sql.Literal(_hidden(source, generation)),
        reading=sql.SQL("").join(reading),
        schema_mark=sql.Literal(_SCHEMA),
        content_mark=sql.Literal(_CONTENT),
        where_mark=sql.Literal(_WHERE),
        type_mark=sql.Literal(_TYPE),
    )


def _reading(
    source: SourceTable,
    relation: str,
    text: str,
    allowed: Sequence[str],
    variables: Mapping[str, str],
) -> sql.Composed:
    """Return the statements that have Postgres read what the user declared in SQL."""
    probe = sql.Identifier("pg_temp", source.table)
    typed = sql.Identifier("pg_temp", "embeddb_probe")
    names: dict[str, sql.Composable] = {
        "probe": Name("pg_temp", source.table),
        "constraint": Name(CONSTRAINT),
    }
    kept = {
        "probe": sql.Literal(probe.as_string(None)),
        "constraint": sql.Literal(CONSTRAINT),
    }
    return script(
        "templates",
        "attach_script_read",
        probe=probe,
        typed=typed,
        typed_text=sql.Literal(typed.as_string(None)),
        expression=verbatim(text),
        copy_shape=_filled("attach.copy_shape", {}, source=fragment(relation), **names),
        keep_expression=_filled("attach.keep_expression", {}, expression=fragment(text), **names),
        kept=_filled("attach.kept", kept),
        text=sql.Literal(text),
        allowed=_array(allowed),
        known=sql.Literal(Jsonb(list(source.types))),
        is_not_null=sql.Literal(IS_NOT_NULL),
        text_variable=verbatim(variables["written"]),
        columns_variable=verbatim(variables["read"]),
    )


def _execution(statement: str) -> sql.Composable:
    """Return how a statement is executed: once, or for each table that is followed."""
    if _FOLLOWED_SCHEMA not in statement:
        return sql.SQL("    EXECUTE _statement;")
    is_whole = _WHOLE in statement
    return script(
        "templates",
        "attach_script_each",
        followed=_filled("attach.followed", {"oid": verbatim("(_found ->> 'oid')")}),
        is_whole=sql.Literal(is_whole),
        schema_mark=sql.Literal(_FOLLOWED_SCHEMA),
        table_mark=sql.Literal(_WHOLE if is_whole else _PART),
    )


def _executed(statement: str, execution: sql.Composable) -> str:
    """Return a block that executes a statement with what was looked up in it."""
    return script(
        "templates",
        "attach_script_execute",
        statement=sql.Literal(statement.strip()),
        execution=execution,
    ).as_string(None)


def _hidden(source: SourceTable, generation: Generation) -> str | None:
    """Return why rows that are hidden cannot be had with the index; None: they can."""
    try:
        check_hidden(replace(source, row_security=True), generation.index)
    except IndexSpecError as error:
        return str(error)
    return None


def _filled(
    name: str, values: Mapping[str, sql.Composable], **slots: sql.Composable
) -> sql.Composable:
    """Return a named statement as a part of a block, SQL in the place of its parameters."""
    text = query(name, **slots).as_string(None)

    def value(match: re.Match[str]) -> str:
        return "%" if match[1] is None else values[match[1]].as_string(None)

    return verbatim(_PARAMETER.sub(value, text))


def _base(kind: str) -> str | None:
    """Return the name of a type of Postgres's own without its modifier; None: it is another."""
    known = _known(kind)
    return None if known is None else base_type(known)


def _array(texts: Sequence[str]) -> sql.Composable:
    return sql.SQL("{}::text[]").format(sql.Literal(list(texts)))
