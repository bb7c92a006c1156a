"""What an execution needs to know of a collection, over the connection that executes it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from weakref import WeakKeyDictionary

import sqlalchemy as sa
from pgvector import Vector as PgVector

from embeddb.config import Settings
from embeddb.encoders.loader import EncoderLoader
from embeddb.errors import CollectionNotFoundError, EmbeddingConflictError
from embeddb.pipeline.generation.form import StoredForm
from embeddb.pipeline.generation.model import BoundModel
from embeddb.protocols import Encoder
from embeddb.repository.catalog.sqlalchemy_reader import (
    Place,
    read_place,
    read_record_beside,
    read_records,
    read_vector_schema,
)
from embeddb.schema.catalog import CollectionRecord
from embeddb.sqlalchemy.expression import EmbeddedTable, QueryVector

_VECTOR_SCHEMAS: WeakKeyDictionary[sa.Engine, str] = WeakKeyDictionary()


def read_searched(
    connection: sa.Connection,
    searched: Iterable[QueryVector],
    schemas: Mapping[str | None, str | None],
) -> dict[str, CollectionRecord]:
    """Return the collections that a statement searches, by name, as this transaction sees them.

    A collection that is named after its table is found by the table too: this may have been
    renamed since.

    Args:
        connection: the connection that searches.
        searched: what the statement's queries are for.
        schemas: the execution's `schema_translate_map`.

    Raises:
        CollectionNotFoundError: there is none of that name.
        EmbeddingConflictError: the one of that name follows another table.
    """
    records: dict[str, CollectionRecord] = {}
    for name, table, by_function in dict.fromkeys(map(_key, searched)):
        record = _read_record(connection, name, table, table.text(schemas))
        if (by_function and record.name != name) or records.setdefault(name, record) != record:
            raise EmbeddingConflictError(
                f"Collection {record.name!r} follows {table.text(schemas)}, whose Embedding is "
                f"named {name!r}: write Embedding(…, name={record.name!r})."
            )
    return records


def _key(searched: QueryVector) -> tuple[str, EmbeddedTable, bool]:
    return searched.collection, searched.table, searched.by_function


def _read_record(
    connection: sa.Connection, name: str, table: EmbeddedTable, text: str
) -> CollectionRecord:
    found = read_record_beside(connection, own_schema(), name, text)
    record, place = found or (None, read_place(connection, text))
    if record is not None and not _follows_another(record, place):
        return record
    moved = _following(connection, place, table.others) if table.names_collection else None
    if moved is not None:
        return moved
    if record is None or record.source is None:
        raise CollectionNotFoundError(
            f"There is no collection {name!r}: generate and apply a revision with "
            "`alembic revision --autogenerate` and `alembic upgrade head`."
        )
    raise EmbeddingConflictError(
        f"Collection {name!r} follows {record.source.table_text}, and the Embedding of that name "
        f"is on {text}: give the Embedding a name of its own, Embedding(…, name='…'), and generate "
        "and apply a revision."
    )


def _follows_another(record: CollectionRecord, place: Place | None) -> bool:
    """Return whether a collection is attached to another table than the one at a place."""
    source = record.source
    return bool(source and place and (source.schema, source.table) != place)


def _following(
    connection: sa.Connection, place: Place | None, others: Collection[str]
) -> CollectionRecord | None:
    """Return the only collection that models declare on a table; None: there is none, or several.

    Args:
        connection: the connection that searches.
        place: where the table is.
        others: the names of its other embeddings.
    """
    if place is None:
        return None
    found = [
        record
        for record in read_records(connection, own_schema())
        if record.source
        and (record.source.schema, record.source.table) == place
        and record.source.owner is not None
        and record.name not in others
    ]
    return found[0] if len(found) == 1 else None


def vector_schema(connection: sa.Connection) -> str:
    """Return the name of the schema that pgvector is in."""
    engine = connection.engine
    if engine not in _VECTOR_SCHEMAS:
        _VECTOR_SCHEMAS[engine] = read_vector_schema(connection)
    return _VECTOR_SCHEMAS[engine]


def as_vector(record: CollectionRecord, query: str | Sequence[float]) -> str:
    """Return the vector of a query, as pgvector writes it: a text is encoded, a vector checked.

    The collection's transform is not applied: the database does that.

    Raises:
        InvalidVectorError: it cannot be compared.
        ModelMismatchError: the model's name stands for another model here.
    """
    generation = replace(record.generation, transform=None)
    form = StoredForm(None, generation)
    model = BoundModel(replace(record, generation=generation), form, _encoder)
    return PgVector(model.query(query)).to_text()


@lru_cache(maxsize=16)
def _encoder(name: str) -> Encoder:
    return EncoderLoader.from_environment()(name)


def own_schema() -> str:
    """Return the name of embeddb's schema."""
    return Settings.from_environment().schema
