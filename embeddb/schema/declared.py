"""An embedding as an application's models declare it, and where these keep it."""

from __future__ import annotations

from dataclasses import dataclass, field

from embeddb.errors import EmbeddingConflictError
from embeddb.schema.dependencies import DependsOn
from embeddb.schema.spec import EmbeddingSpec

INFO = "embeddb"
"""Under this key the `info` of a MetaData has the embeddings declared on its tables: by the table's
key, then by name. A table's own `info` would be written into revisions."""


@dataclass(frozen=True, kw_only=True, slots=True)
class DeclaredEmbedding:
    """A collection over a table, as it is declared.

    Attributes:
        name: the collection.
        spec: how texts become vectors; its model is a name that migrations and workers can load.
        text: the columns that are the text; None where an expression is.
        expression: the text in SQL; None where columns are.
        metadata: the columns that searches show and filter by.
        where: which rows take part, in SQL; None: all.
        named: whether the name was chosen; else it is the table's.
        depends_on: the other tables that an expression reads, and what leads from each to the rows.
        title_column: the column that is put before each chunk; None: `title`, if it is metadata.
        media_type: what kind of documents the one column of the text holds.
        media_type_column: the column that has the kind of each.
        embedding_column: where the rows that are there have their vectors already. It matters when
            the collection is attached, and is no difference between two declarations.
    """

    name: str
    spec: EmbeddingSpec
    text: tuple[str, ...] | None = None
    expression: str | None = None
    metadata: tuple[str, ...] = ()
    where: str | None = None
    named: bool = field(default=True, compare=False)
    depends_on: DependsOn = ()
    title_column: str | None = None
    media_type: str | None = None
    media_type_column: str | None = None
    embedding_column: str | None = field(default=None, compare=False)

    @property
    def source_text(self) -> str | tuple[str, ...]:
        """The columns, or the expression."""
        return self.text if self.text is not None else self.expression or ""


def name_conflict(name: str, one: str, other: str) -> EmbeddingConflictError:
    """Return the error that the embeddings of two tables have one name."""
    return EmbeddingConflictError(
        f"The embeddings of {one} and {other} are both named {name!r}, and a collection follows "
        "one table: give one of them a name of its own, Embedding(…, name='…')."
    )
