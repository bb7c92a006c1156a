"""Collections as Alembic operations: data, reverse, implementation, renderer, comparator."""

from embeddb.alembic.collections import (
    implementation,  # noqa: F401  # registers itself
    operations,  # noqa: F401
    render,  # noqa: F401
)
