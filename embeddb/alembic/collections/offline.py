"""Operations on collections as SQL alone, for `alembic upgrade --sql`: no database is asked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alembic.util import CommandError

from embeddb.alembic.collections.attachment import Attachment, source_offline
from embeddb.alembic.collections.owner import DEFAULT_SCHEMA, owner_of
from embeddb.config import Settings
from embeddb.encoders.loader import EncoderLoader
from embeddb.pipeline.conversion.forms import first_generation
from embeddb.repository.attached.script import Script, write_attach, write_detach

if TYPE_CHECKING:
    from alembic.runtime.migration import MigrationContext

VECTOR_SCHEMA = "embeddb_vector_schema"
"""With this option of `context.configure` a script knows where pgvector is; else: in public."""


def attach_script(migration: MigrationContext, attachment: Attachment) -> None:
    """Write the statements that attach a collection.

    Raises:
        CommandError: something has to be asked of the database.
        ConfigurationError: the collection is laid out by a column that is not read.
    """
    vector_schema = migration.opts.get(VECTOR_SCHEMA, DEFAULT_SCHEMA)
    owner = owner_of(migration)
    _write(migration, attach_statements(attachment, vector_schema=vector_schema, owner=owner))


def attach_statements(attachment: Attachment, *, vector_schema: str, owner: str) -> list[str]:
    """Return the statements that attach a collection, in the order of a transaction.

    Args:
        attachment: with its key and the types of all columns that are read.
        vector_schema: the schema that pgvector is in.
        owner: the chain of migrations that declares the collection.

    Raises:
        CommandError: something has to be asked of the database.
        ConfigurationError: the collection is laid out by a column that is not read.
    """
    declared = attachment.declared
    if declared.embedding_column is not None:
        raise CommandError(
            f"The vectors of column {declared.embedding_column!r} are compared with the model's, "
            "which a script cannot do: run this revision online, or leave embedding_column out."
        )
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
    spec = declared.spec
    spec.check_metadata(declared.metadata)
    assert spec.model is not None  # EmbeddingSpec has asked for dim, and --sql has none
    info = EncoderLoader.from_environment()(spec.model).info
    if spec.transform is not None and not spec.transform.needs_fit:
        raise CommandError(
            f"The transform {', '.join(spec.transform.words)} is kept in the database as "
            "matrices, which no script can write: attach this collection online."
        )
    database = Script(Settings.from_environment().schema, vector_schema, info)
    source = source_offline(attachment, DEFAULT_SCHEMA, owner)
    generation = first_generation(database, spec, info)
    write_attach(database, declared.name, source, generation, attachment.source)
    return database.statements


def detach_script(migration: MigrationContext, name: str) -> None:
    """Write one block that detaches a collection, or drops it: it looks up what is there."""
    database = Script(Settings.from_environment().schema, DEFAULT_SCHEMA)
    write_detach(database, name)
    _write(migration, database.statements)


def _write(migration: MigrationContext, statements: list[str]) -> None:
    for statement in statements:
        migration.impl.static_output(statement + ";")
