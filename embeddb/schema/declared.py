"""An embedding as an application's models declare it, and where these keep it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from embeddb.schema.indexes import HNSW, IndexSpec

INFO = "embeddb"
"""Under this key the `info` of a MetaData has the embeddings declared on its tables: by the table's
key, then by name. A table's own `info` would be written into revisions."""

_DEFAULT_INDEX = HNSW()


@dataclass(frozen=True, kw_only=True, slots=True)
class DeclaredEmbedding:
    """What a collection over a table is to be.

    Attributes:
        name: the collection.
        text: the columns that are the text; None where an expression is.
        expression: the text in SQL; None where columns are.
        metadata: the columns that searches show and filter by.
        where: which rows take part, in SQL; None: all.
        model: what the user writes as `model=`.
        transform: words such as `pca:128`; empty: none.
        chunker: auto, none, text, markdown or code, or the options of one.
    """

    name: str
    model: str
    text: tuple[str, ...] | None = None
    expression: str | None = None
    metadata: tuple[str, ...] = ()
    where: str | None = None
    distance: str = "cosine"
    storage: str = "vector"
    transform: tuple[str, ...] = ()
    index: IndexSpec | None = _DEFAULT_INDEX
    chunker: str | Mapping[str, Any] = "auto"

    @property
    def source_text(self) -> str | tuple[str, ...]:
        """The columns, or the expression."""
        return self.text if self.text is not None else self.expression or ""
