"""The names of what a collection consists of, and which names a collection may have."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass

from psycopg import sql

from embeddb.db.queries import Name
from embeddb.errors import InvalidNameError

MAX_IDENTIFIER_BYTES = 63
"""Postgres cuts longer names."""

MAX_NAME_BYTES = 48
"""Postgres cuts identifiers at 63 bytes; 15 are kept for suffixes such as `_g9999_ivfflat`.

Partitions (`_g9999_p255`) and the index of each (`_g9999_h255`, by the method's first letter) fit
within them too: with the method's whole name they would not."""

RESERVED = frozenset(
    {
        "alembic_version",
        "backfills",
        "collections",
        "drift_history",
        "encode_requests",
        "encoded_queries",
        "every_collection",
        "failed_jobs",
        "generations",
        "jobs",
        "models",
        "recall_history",
        "reconciliations",
        "sources",
        "sql_encoder_tokens",
        "sql_encoders",
        "status",
        "transform_rows",
        "transforms",
        "workers",
    }
)
CHUNKS_VIEW_SUFFIX = "_chunks"
"""What follows the collection's name in the name of the view of its chunks."""

_GENERATION = re.compile(r"_g\d+(_(new)?(list|word|code)s?|_p(\d+|d|art))?$")


def check_name(name: str) -> str:
    """Return `name` if a collection may have it.

    Raises:
        InvalidNameError: empty, too long, not storable, or the name of another table.
    """
    problem = _problem(name)
    if problem:
        raise InvalidNameError(f"{name!r} cannot name a collection: {problem}.")
    return name


def check_beside(name: str, others: Collection[str]) -> None:
    """Check that no view of chunks would have the name of a collection.

    Args:
        name: of a collection that is to be created.
        others: the names of those that are there.

    Raises:
        InvalidNameError: one of them has the name that the view would have, or the view of one
            of them has this name.
    """
    view = name + CHUNKS_VIEW_SUFFIX
    if view in others:
        raise InvalidNameError(
            f"{name!r} cannot name a collection: the view of its chunks would be {view!r}, and a "
            "collection has that name. Choose another."
        )
    stem = name.removesuffix(CHUNKS_VIEW_SUFFIX)
    if stem != name and stem in others:
        raise InvalidNameError(
            f"{name!r} cannot name a collection: the view of the chunks of collection {stem!r} "
            "has this name. Choose another."
        )


def _problem(name: str) -> str | None:
    try:
        size = len(name.encode())
    except UnicodeEncodeError:
        return "it holds a lone surrogate; use valid Unicode"
    if not name.strip():
        return "it is empty"
    if size > MAX_NAME_BYTES:
        return f"it has {size} bytes in UTF-8, and {MAX_NAME_BYTES} are the limit"
    if "\0" in name:
        return "it holds a NUL character"
    if name in RESERVED:
        return "a table of embeddb's own has this name; choose another"
    if _GENERATION.search(name):
        return "names ending in _g and a number are kept for generations; choose another"
    return None


@dataclass(frozen=True, kw_only=True, slots=True)
class Tables:
    """The tables of one generation of a collection, ready for SQL with parameters."""

    schema: str
    documents_name: str
    chunks_name: str

    @property
    def documents(self) -> sql.Composable:
        """The table, or the view, of the documents."""
        return Name(self.schema, self.documents_name)

    @property
    def chunks(self) -> sql.Composable:
        """The generation's table of chunks."""
        return Name(self.schema, self.chunks_name)

    @property
    def chunks_text(self) -> str:
        """The generation's table as a text, for Postgres to look up."""
        return sql.Identifier(self.schema, self.chunks_name).as_string()

    @property
    def chunks_view(self) -> str:
        """The view that shows the chunks of the active generation."""
        return self.documents_name + CHUNKS_VIEW_SUFFIX

    @property
    def chunks_view_text(self) -> str:
        """The view of the chunks as a text, for Postgres to look up."""
        return sql.Identifier(self.schema, self.chunks_view).as_string()

    @property
    def search_function(self) -> str:
        """The typed search function's name."""
        return self.documents_name + "_search"

    @property
    def similar_function(self) -> str:
        """The name of the function that searches by what is stored."""
        return self.documents_name + "_similar"

    def trigger_function(self, event: str) -> str:
        """Return the name of the function that follows an event on the source."""
        return self.documents_name + "_on_" + event

    def dependency_function(self, number: int) -> str:
        """Return the name of the function that follows another table that a text is read from."""
        return self.documents_name + "_follows_" + str(number + 1)

    def key_function(self, position: int) -> str:
        """Return the name of the function that reads one column of a source's key."""
        return self.documents_name + "_key_" + str(position + 1)

    @property
    def metadata_index(self) -> str:
        """The name of the GIN index on the metadata."""
        return self.documents_name + "_metadata"

    def vector_index(self, method: str) -> str:
        """Return the name of the generation's vector index."""
        return self.chunks_name + "_" + method

    def partition(self, suffix: str) -> str:
        """Return the name of a partition: by its number, or `d` for the default one."""
        return self.chunks_name + "_p" + suffix

    def part_index(self, method: str, suffix: str) -> str:
        """Return the name of the vector index of one partition, or of one value's chunks."""
        return self.chunks_name + "_" + method[0] + suffix

    @property
    def parts_index(self) -> str:
        """The index by which the chunks of one part are found."""
        return self.chunks_name + "_part"

    def holds_chunks(self, table: str) -> bool:
        """Return whether a table is the generation's, or a partition of it."""
        stem, _, suffix = table.rpartition("_p")
        return table == self.chunks_name or (
            stem == self.chunks_name and (suffix == "d" or suffix.isdecimal())
        )

    def is_vector_index(self, name: str, method: str) -> bool:
        """Return whether an index is the generation's, or one of those that it consists of."""
        own = self.vector_index(method)
        stem, _, suffix = name.rpartition("_" + method[0])
        return name == own or (stem == self.chunks_name and (suffix == "d" or suffix.isdecimal()))

    @property
    def code_function(self) -> str:
        """The function that makes a vector's thermometer code."""
        return self.chunks_name + "_code"

    @property
    def lists_name(self) -> str:
        """The table of an IVF-PQ index's lists and their centres."""
        return self.chunks_name + "_lists"

    @property
    def words_name(self) -> str:
        """The table of an IVF-PQ index's codewords."""
        return self.chunks_name + "_words"

    @property
    def codes_name(self) -> str:
        """The table of an IVF-PQ index's codes."""
        return self.chunks_name + "_codes"

    @property
    def lookup_function(self) -> str:
        """The function that makes an IVF-PQ index's lookup table for a query."""
        return self.chunks_name + "_table"

    @property
    def transform_function(self) -> str:
        """The function that applies the generation's transform to a query."""
        return self.chunks_name + "_project"


def tables(schema: str, collection: str, generation: int) -> Tables:
    """Return the tables of a generation."""
    return Tables(
        schema=schema,
        documents_name=collection,
        chunks_name=collection + "_g" + str(generation),
    )
