"""What an execution needs to know of a collection, over the connection that executes it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from weakref import WeakKeyDictionary

import sqlalchemy as sa
from pgvector import Vector as PgVector

from embeddb.config import Settings
from embeddb.encoders.loader import EncoderLoader
from embeddb.errors import CollectionNotFoundError
from embeddb.pipeline.generation.form import StoredForm
from embeddb.pipeline.generation.model import BoundModel
from embeddb.protocols import Encoder
from embeddb.repository.catalog.sqlalchemy_reader import read_records, read_vector_schema
from embeddb.schema.catalog import CollectionRecord

_VECTOR_SCHEMAS: WeakKeyDictionary[sa.Engine, str] = WeakKeyDictionary()


def read_record(connection: sa.Connection, name: str) -> CollectionRecord:
    """Return a collection with its active generation, as this transaction sees it.

    Raises:
        CollectionNotFoundError: there is none of that name.
    """
    found = read_records(connection, own_schema(), name)
    if not found:
        raise CollectionNotFoundError(
            f"There is no collection {name!r}: generate and apply a revision with "
            "`alembic revision --autogenerate` and `alembic upgrade head`."
        )
    return found[0]


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
