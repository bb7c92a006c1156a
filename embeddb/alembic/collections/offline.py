"""Operations on collections as SQL alone, for `alembic upgrade --sql`: no database is asked."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, cast

from alembic.util import CommandError
from psycopg import sql

from embeddb.alembic.collections.attachment import Attachment, source_offline
from embeddb.alembic.collections.owner import DEFAULT_SCHEMA, owner_of
from embeddb.config import Settings
from embeddb.db.database import Connection
from embeddb.db.queries import query, script, verbatim
from embeddb.encoders.loader import EncoderLoader
from embeddb.pipeline.conversion.forms import first_generation
from embeddb.records import ModelInfo
from embeddb.repository.attached.attach import Attachments
from embeddb.repository.attached.resolve import Resolved
from embeddb.repository.collections.chunks_view import MARK
from embeddb.schema.attached_ddl import tables_of
from embeddb.schema.catalog import CollectionRecord, Generation
from embeddb.schema.names import CHUNKS_VIEW_SUFFIX, check_name, tables

if TYPE_CHECKING:
    from alembic.runtime.migration import MigrationContext

VECTOR_SCHEMA = "embeddb_vector_schema"
"""With this option of `context.configure` a script knows where pgvector is; else: in public."""

_PARAMETER = re.compile(r"%\((\w+)\)s|%%")
_MODEL = -1
"""The id of a model in a script: it is looked up where it is used."""


def attach_script(migration: MigrationContext, attachment: Attachment) -> None:
    """Write the statements that attach a collection.

    Raises:
        CommandError: something has to be asked of the database.
        ConfigurationError: the collection is laid out by a column that is not read.
    """
    declared = attachment.declared
    if not attachment.key or set(declared.text or ()) - set(attachment.types):
        raise CommandError(
            f"To write SQL for {declared.name!r}, op.attach_collection() needs key=[…] and "
            "types={…}, as revision --autogenerate writes them."
        )
    if declared.depends_on:
        raise CommandError(
            f"The text of {declared.name!r} is read from several tables, and only the database "
            "knows what each name in it stands for: attach this collection online."
        )
    declared.spec.check_metadata(declared.metadata)
    database = _Script(migration)
    source = source_offline(attachment, DEFAULT_SCHEMA, owner_of(migration))
    name = check_name(declared.name)
    record = CollectionRecord(
        name=name,
        tables=tables(database.schema, name, 1),
        generation=_generation(database, attachment),
        source=source,
    )
    resolved = Resolved(source=source, followed=tables_of(source))
    with database.transaction() as connection:
        connection.execute(query("vector_indexes.keep_path"), {})
        Attachments(database).attach_as(connection, record, resolved)
        connection.execute(query("vector_indexes.restore_path"), {})


def detach_script(migration: MigrationContext, name: str) -> None:
    """Write one block that detaches a collection, or drops it: it looks up what is there."""
    database = _Script(migration)
    schema = database.schema
    named = {
        table: sql.Identifier(schema, table) for table in ("collections", "generations", "jobs")
    }
    database.recorder.execute(
        script(
            "templates",
            "detach_script",
            name=sql.Literal(name),
            schema_name=sql.Literal(schema),
            view_suffix=sql.Literal(CHUNKS_VIEW_SUFFIX),
            mark=sql.Literal(MARK),
            **named,
        )
    )


def _generation(database: _Script, attachment: Attachment) -> Generation:
    declared = attachment.declared
    assert declared.spec.model is not None  # EmbeddingSpec has asked for dim, and --sql has none
    info = EncoderLoader.from_environment()(declared.spec.model).info
    transform = declared.spec.transform
    if transform is not None and not transform.needs_fit:
        raise CommandError(
            f"The transform {', '.join(transform.words)} is kept in the database as matrices, "
            "which no script can write: attach this collection online."
        )
    database.recorder.model = info
    return first_generation(database, declared.spec, info)


class _Script:
    """A database that is not there: what would be executed is written."""

    def __init__(self, migration: MigrationContext) -> None:
        self.schema = Settings.from_environment().schema
        self._vector_schema: str = migration.opts.get(VECTOR_SCHEMA, DEFAULT_SCHEMA)
        self.recorder = _Recorder(migration, self.schema)

    def vector_schema(self) -> str:
        """Return the schema that pgvector is said to be in."""
        return self._vector_schema

    @contextmanager
    def connection(self) -> Iterator[Connection]:
        """Yield what writes instead of executing."""
        yield cast(Connection, self.recorder)

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """Yield what writes instead of executing; the migration's transaction is around it."""
        yield cast(Connection, self.recorder)


class _Recorder:
    """Writes statements with their values in them."""

    def __init__(self, migration: MigrationContext, schema: str) -> None:
        self._write = migration.impl.static_output
        self._schema = schema
        self.model: ModelInfo | None = None

    def execute(
        self, statement: sql.Composable, values: Mapping[str, Any] | None = None, **_: object
    ) -> _Answer:
        """Write a statement, with its values in it."""
        text = statement.as_string(None)
        if values is not None:
            text = _PARAMETER.sub(lambda match: self._value(match, values), text)
        self._write(text.strip() + ";")
        return _Answer()

    def _value(self, match: re.Match[str], values: Mapping[str, Any]) -> str:
        if match[1] is None:
            return "%"
        value = values[match[1]]
        if value == _MODEL and match[1] == "model_id" and self.model is not None:
            return self._model_id(self.model)
        return sql.Literal(value).as_string(None)

    def _model_id(self, model: ModelInfo) -> str:
        return (
            verbatim("(SELECT m.id FROM {} m WHERE m.name = {} AND m.fingerprint = {})")
            .format(
                sql.Identifier(self._schema, "models"),
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
