"""Embeddb's own schema: a chain of frozen Alembic revisions."""
