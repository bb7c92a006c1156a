"""Which privileges each kind of role needs, and on what: the least that its work takes.

A role *reads*, *writes* or *works for* a collection, or every one, those to come among them. Its
privileges on the table of chunks show what it may do with a collection; those on the view
`every_collection` show what it is to do with collections to come.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Literal, TypeAlias, get_args

from embeddb.errors import ConfigurationError
from embeddb.schema.catalog import CollectionRecord
from embeddb.schema.indexes import IVFPQ

RoleKind: TypeAlias = Literal["reader", "writer", "worker", "owner"]
Thing: TypeAlias = tuple[str, str]
"""SCHEMA, TABLE or ROUTINE, and a name in embeddb's schema; of functions all of that name."""

Needs: TypeAlias = dict[Thing, set[str]]

KINDS: tuple[RoleKind, ...] = get_args(RoleKind)

EVERY = "every_collection"
MARKS: Mapping[str, str] = {"reader": "SELECT", "writer": "INSERT", "worker": "UPDATE"}
"""What on `every_collection` stands for each kind."""

CATALOG = (
    "alembic_version",
    "collections",
    "generations",
    "models",
    "transforms",
    "transform_rows",
    "recall_history",
    "sql_encoders",
    "sql_encoder_tokens",
    "encoded_queries",
    "status",
)
"""What a search reads of the catalog, from Python or from SQL, and how the queue is."""

QUEUE: Mapping[str, tuple[str, ...]] = {
    "jobs": ("SELECT", "INSERT", "UPDATE", "DELETE"),
    "failed_jobs": ("SELECT", "INSERT", "UPDATE", "DELETE"),
    "backfills": ("SELECT", "UPDATE"),
    "reconciliations": ("SELECT", "INSERT", "UPDATE"),
    "workers": ("SELECT", "INSERT", "UPDATE", "DELETE"),
    "encode_requests": ("SELECT", "UPDATE", "DELETE"),
    "encoded_queries": ("SELECT", "INSERT", "DELETE"),
}
"""What a worker does with the tables that all workers share."""

FUNCTIONS = (
    "filter_path",
    "filter_part",
    "search",
    "encode",
    "encode_query",
    "encode_by_worker",
    "encode_in_sql",
    "query_tokens",
    "query_worker",
)
"""The functions that searches share."""


class Level(IntEnum):
    """What a role may do with one collection."""

    NOTHING = 0
    READ = 1
    WRITE = 2
    """Write documents of embeddb's own, or chunks of what is attached."""


@dataclass(kw_only=True)
class RoleProfile:
    """What a role is to embeddb.

    Attributes:
        marks: the kinds that it is for every collection.
        levels: what it may do with each, by name.
    """

    marks: set[str] = field(default_factory=set)
    levels: dict[str, Level] = field(default_factory=dict)

    def level(self, record: CollectionRecord) -> Level:
        """Return what it may do with a collection."""
        marked = (level_of(kind, record) for kind in self.marks)
        return max([self.levels.get(record.name, Level.NOTHING), *marked])


def level_of(kind: str, record: CollectionRecord) -> Level:
    """Return what a kind of role may do with a collection."""
    attached = record.source is not None
    if kind == "reader":
        return Level.READ
    if kind == "writer":
        return Level.READ if attached else Level.WRITE
    return Level.WRITE if attached else Level.NOTHING


def check_kind(kind: str) -> None:
    """Check that a word is a kind of role.

    Raises:
        ConfigurationError: it is none.
    """
    if kind not in KINDS:
        raise ConfigurationError(f"{kind!r} is no kind of role; there are {', '.join(KINDS)}.")


def needs(profile: RoleProfile, records: Iterable[CollectionRecord]) -> Needs:
    """Return all privileges in embeddb's schema that a role needs.

    Args:
        profile: what it is.
        records: every generation of the collections in question.
    """
    found: Needs = {}
    levels = [(record, profile.level(record)) for record in records]
    for record, level in levels:
        _of_collection(found, record, level)
    if profile.marks or any(level for _, level in levels):
        _of_everybody(found)
    works = [level == Level.WRITE for record, level in levels if record.source is not None]
    if "worker" in profile.marks or any(works):
        for name, privileges in QUEUE.items():
            _add(found, "TABLE", name, *privileges)
    for mark in profile.marks:
        _add(found, "TABLE", EVERY, MARKS[mark])
    return found


def collection_things(record: CollectionRecord) -> list[str]:
    """Return the names of the tables and functions of a generation and of its collection."""
    found: Needs = {}
    _of_collection(found, record, Level.WRITE)
    return sorted({name for _, name in found})


def needs_temporary(profile: RoleProfile, records: Iterable[CollectionRecord]) -> bool:
    """Return whether a role needs temporary tables.

    Batches of documents are written by way of them, and chunks where a policy concerns the role,
    for then Postgres refuses COPY.
    """
    writes = (
        profile.level(one) == Level.WRITE and (one.source is None or one.source.row_security)
        for one in records
    )
    return "writer" in profile.marks or any(writes)


def sees_all_chunks(profile: RoleProfile, record: CollectionRecord) -> bool:
    """Return whether a role encodes a collection, so that no chunk may be hidden from it."""
    return record.source is not None and profile.level(record) == Level.WRITE


def _of_everybody(found: Needs) -> None:
    _add(found, "SCHEMA", "", "USAGE")
    for name in CATALOG:
        _add(found, "TABLE", name, "SELECT")
    for name in FUNCTIONS:
        _add(found, "ROUTINE", name, "EXECUTE")


def _of_collection(found: Needs, record: CollectionRecord, level: Level) -> None:
    if level == Level.NOTHING:
        return
    tables = record.tables
    codes = (tables.lists_name, tables.words_name, tables.codes_name)
    is_coded = isinstance(record.generation.index, IVFPQ)
    read = (tables.documents_name, tables.chunks_name, tables.chunks_view)
    for name in (*read, *(codes if is_coded else ())):
        _add(found, "TABLE", name, "SELECT")
    for name in _functions(record):
        _add(found, "ROUTINE", name, "EXECUTE")
    if level == Level.READ:
        return
    if is_coded:
        _add(found, "TABLE", tables.codes_name, "INSERT", "DELETE")
    _add(found, "TABLE", tables.chunks_name, "INSERT", "DELETE")
    if record.source is None:
        _add(found, "TABLE", tables.documents_name, "INSERT", "UPDATE", "DELETE")
        _add(found, "TABLE", "sources", "SELECT", "INSERT", "UPDATE")
        if record.generation.layout is not None:  # a chunk moves when its document's field changes
            _add(found, "TABLE", tables.chunks_name, "UPDATE")


def _functions(record: CollectionRecord) -> list[str]:
    tables = record.tables
    keys = len(record.source.keys) if record.source else 0
    return [
        tables.search_function,
        tables.similar_function,
        tables.code_function,
        tables.transform_function,
        tables.lookup_function,
        *(tables.key_function(position) for position in range(keys)),
    ]


def _add(found: Needs, kind: str, name: str, *privileges: str) -> None:
    found.setdefault((kind, name), set()).update(privileges)
