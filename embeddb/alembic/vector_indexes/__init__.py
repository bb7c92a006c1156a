"""pgvector's indexes as Alembic operations, in the same order as collections."""

from embeddb.alembic.vector_indexes import (
    implementation,  # noqa: F401  # registers itself
    operations,  # noqa: F401
    render,  # noqa: F401
)
