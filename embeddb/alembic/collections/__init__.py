"""Collections as Alembic operations.

`attachment` is a collection over a table as data, `operations` change one and know their reverse,
`implementation` carries them out, `offline` writes them as SQL, `render` writes them into
revisions, `compare` finds which are needed: what models declare against what the catalog has.
"""

from embeddb.alembic.collections import (
    implementation,  # noqa: F401  # registers itself
    operations,  # noqa: F401
    render,  # noqa: F401
)
