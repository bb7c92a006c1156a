"""Runs the application's migrations. What embeddb needs is the import, nothing more."""

from __future__ import annotations

from logging.config import fileConfig

from alembic import context
from knowledge_base import database
from knowledge_base.models import Base

import embeddb.alembic  # noqa: F401  # lets revisions have embeddings, and --autogenerate see them

if context.config.config_file_name is not None:
    fileConfig(context.config.config_file_name, disable_existing_loggers=False)


def run_offline() -> None:
    """Print the SQL of the migrations."""
    context.configure(
        url=database.url().render_as_string(hide_password=False),
        target_metadata=Base.metadata,
        literal_binds=True,
        dialect_opts={"paramstyle": "named"},
    )
    with context.begin_transaction():
        context.run_migrations()


def run_online() -> None:
    """Migrate the database."""
    with database.engine().connect() as connection:
        context.configure(connection=connection, target_metadata=Base.metadata)
        with context.begin_transaction():
            context.run_migrations()


if context.is_offline_mode():
    run_offline()
else:
    run_online()
