"""A collection's source where it is a table of the application's: what is read of it, by what key.

A row's *key* is its primary key as one text: of one column its own text, of several a JSON array
of their texts. Times are written in ISO 8601 and bytes in hexadecimal, so that no setting of a
session changes how a key reads.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from embeddb.schema import dependencies
from embeddb.schema.dependencies import Dependency

OURS = frozenset(
    {
        "id",
        "content",
        "metadata",
        "uri",
        "media_type",
        "chunk_no",
        "span",
        "embedding",
        "scale",
        "part",
        "content_hash",
        "distance",
        "score",
        "plan",
        "start",
        "stop",
    }
)
"""Names of columns of ours: a source's own column of such a name gets another one beside them."""

SEARCHED = frozenset({"chunk_no", "content", "metadata", "distance", "score", "uri", "span"})
"""What a search returns beside the key, which keeps its own names as far as these allow."""

UNKNOWN_OWNER = ""
"""The owner of a collection that was attached before owners were kept."""


@dataclass(frozen=True, kw_only=True, slots=True)
class KeyColumn:
    """A column of the primary key; `type` is as Postgres spells it, with its schema if need be."""

    name: str
    type: str

    @property
    def view_name(self) -> str:
        """Its name in the collection's view, which has an `id` of its own."""
        return "key_" + self.name if self.name in OURS else self.name

    @property
    def chunk_name(self) -> str:
        """Its name in the table of chunks."""
        return "key_" + self.name

    @property
    def search_name(self) -> str:
        """Its name in what a search function returns."""
        return "key_" + self.name if self.name in SEARCHED else self.name

    @property
    def listed_name(self) -> str:
        """Its name in the view of the chunks, which has an `embedding` of its own."""
        return "key_" + self.name if self.name == "embedding" else self.search_name


@dataclass(frozen=True, kw_only=True, slots=True)
class SourceTable:
    """The table that a collection is attached to, and what is made of its rows.

    Attributes:
        schema: the table's schema.
        table: the table's name.
        keys: the primary key, in its own order.
        text: the columns that are the text; None where an expression is.
        expression: the text as the user wrote it in SQL; None where columns are.
        metadata: the columns that are shown and filtered by.
        where: which rows take part, as the user wrote it in SQL; None: all.
        columns: every column that the text, `where` and the metadata read.
        types: the type of each of these columns, as Postgres spells it.
        content_sql: the expression as Postgres understood it, every name in it qualified.
        where_sql: the same of `where`.
        content_columns: the columns that the text reads: what a change of is a change of it.
        row_security: whether the table had row-level security when it was attached.
        owner: the chain of migrations that declares the collection, by its version table; None: it
            was attached by hand. Autogenerate detaches only what its own chain declares.
        dependencies: the other tables that the expression reads.
        title_column: the column that is put before each chunk; None: `title`, if it is metadata.
        media_type: what kind of documents the text's one column holds; None: plain text, or what
            `media_type_column` says.
        media_type_column: the column that has the kind of each.
        known_as: the table's name when it was attached, by which the SQL that is stored may call a
            row; None: it is the table's name.
    """

    schema: str
    table: str
    keys: tuple[KeyColumn, ...]
    text: tuple[str, ...] | None = None
    expression: str | None = None
    metadata: tuple[str, ...] = ()
    where: str | None = None
    columns: tuple[str, ...] = ()
    types: dict[str, str] = field(default_factory=dict, hash=False)
    content_sql: str | None = None
    where_sql: str | None = None
    content_columns: tuple[str, ...] = ()
    row_security: bool = False
    owner: str | None = None
    dependencies: tuple[Dependency, ...] = ()
    title_column: str | None = None
    media_type: str | None = None
    media_type_column: str | None = None
    known_as: str | None = None

    @property
    def alias(self) -> str:
        """What a row goes by in statements about the table."""
        return self.known_as or self.table

    @property
    def holds_documents(self) -> bool:
        """Whether the text has to be parsed out of documents, such as PDF or HTML."""
        return bool(self.media_type or self.media_type_column)

    @property
    def holds_bytes(self) -> bool:
        """Whether these documents are bytes, which the view has in Base64."""
        return self.holds_documents and self.types.get((self.text or ("",))[0]) == "bytea"

    @property
    def metadata_read(self) -> tuple[str, ...]:
        """The columns that a document's metadata is made of: its title's among them."""
        return tuple(dict.fromkeys(filter(None, (*self.metadata, self.title_column))))

    @property
    def shown(self) -> tuple[str, ...]:
        """The metadata columns that the view has under their own names too."""
        taken = OURS | {key.view_name for key in self.keys}
        return tuple(name for name in self.metadata if name not in taken)

    @property
    def table_text(self) -> str:
        """The table's name for people."""
        return self.schema + "." + self.table

    def table_of(self, dependency: Dependency) -> SourceTable:
        """Return another table that the text is read from, as a table that rows are read of."""
        return SourceTable(
            schema=dependency.schema,
            table=dependency.table,
            keys=(),
            columns=dependency.columns,
            types=dependency.types,
            row_security=dependency.row_security,
        )

    @property
    def tables_read(self) -> tuple[SourceTable, ...]:
        """The table itself, and the others that the text is read from."""
        return (self, *map(self.table_of, self.dependencies))

    def to_json(self) -> dict[str, Any]:
        """Return it as the catalog keeps it."""
        return {
            "schema": self.schema,
            "table": self.table,
            "keys": [{"name": key.name, "type": key.type} for key in self.keys],
            "text": None if self.text is None else list(self.text),
            "expression": self.expression,
            "metadata": list(self.metadata),
            "where": self.where,
            "columns": list(self.columns),
            "types": dict(self.types),
            "content_sql": self.content_sql,
            "where_sql": self.where_sql,
            "content_columns": list(self.content_columns),
            "row_security": self.row_security,
            "owner": self.owner,
            "title_column": self.title_column,
            "known_as": self.known_as,
            "media_type": self.media_type,
            "media_type_column": self.media_type_column,
            "dependencies": [one.to_json() for one in self.dependencies],
        }


def from_json(value: dict[str, Any] | None) -> SourceTable | None:
    """Return what `to_json` wrote; None stays None: a collection of embeddb's own."""
    if value is None:
        return None
    return SourceTable(
        schema=value["schema"],
        table=value["table"],
        keys=tuple(KeyColumn(name=key["name"], type=key["type"]) for key in value["keys"]),
        text=_names(value["text"]),
        expression=value["expression"],
        metadata=tuple(value["metadata"]),
        where=value["where"],
        columns=tuple(value["columns"]),
        types=dict(value.get("types", {})),
        content_sql=value.get("content_sql"),
        where_sql=value.get("where_sql"),
        content_columns=tuple(value.get("content_columns", ())),
        row_security=bool(value.get("row_security")),
        owner=value.get("owner", UNKNOWN_OWNER),
        title_column=value.get("title_column"),
        known_as=value.get("known_as"),
        media_type=value.get("media_type"),
        media_type_column=value.get("media_type_column"),
        dependencies=tuple(map(dependencies.from_json, value.get("dependencies", ()))),
    )


def _names(value: Sequence[str] | None) -> tuple[str, ...] | None:
    return None if value is None else tuple(value)
