"""Runs the knowledge base's migrations against KNOWLEDGE_BASE_URL."""

import os

from alembic import context
from models import Base
from sqlalchemy import create_engine, pool

import embeddb.alembic  # noqa: F401  # not needed from Alembic 1.18 on

if context.is_offline_mode():
    context.configure(
        dialect_name="postgresql",
        target_metadata=Base.metadata,
        literal_binds=True,
        dialect_opts={"paramstyle": "named"},
    )
    with context.begin_transaction():
        context.run_migrations()
else:
    engine = create_engine(os.environ["KNOWLEDGE_BASE_URL"], poolclass=pool.NullPool)
    with engine.connect() as connection:
        context.configure(
            connection=connection,
            target_metadata=Base.metadata,
            transaction_per_migration=True,
        )
        with context.begin_transaction():
            context.run_migrations()
