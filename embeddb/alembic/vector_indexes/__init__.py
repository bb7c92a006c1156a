"""pgvector's indexes as Alembic operations.

`definition` is an index as data, `operations` change one and know their reverse, `implementation`
carries them out, `render` writes them into revisions, `compare` finds which are needed: what models
declare (`declared`) against what the database has (`reflected`).
"""

from embeddb.alembic.vector_indexes import (
    implementation,  # noqa: F401  # registers itself
    operations,  # noqa: F401
    render,  # noqa: F401
)
