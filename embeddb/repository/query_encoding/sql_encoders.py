"""Encoders that live in tables: what each was trained for, and its weights, a row a token."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
from psycopg import sql
from psycopg.types.json import Jsonb

from embeddb.db import copy
from embeddb.db.database import Database
from embeddb.db.queries import Name, query
from embeddb.errors import GenerationChangedError, SQLEncoderError
from embeddb.records import Vector
from embeddb.repository.collections.generations import key_values
from embeddb.repository.collections.samples import Samples
from embeddb.schema.catalog import CollectionRecord
from embeddb.schema.storage import Storage

TOKEN_COLUMNS = ("encoder_id", "token", "is_piece", "weights")
LARGEST_HALF = float(np.finfo(np.float16).max)

_AS_GIVEN = (Storage.VECTOR, Storage.HALFVEC)
"""Storage that keeps vectors as the model made them, to three digits at least."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SampledTexts:
    """Texts of a collection's chunks, to train on.

    Attributes:
        texts: n of them, in no order.
        vectors: shape (n, dim), as the model made them; None where they are stored otherwise.
    """

    texts: list[str]
    vectors: Vector | None


@dataclass(frozen=True, kw_only=True, slots=True)
class TokenTable:
    """The tables of an encoder, ready to be stored.

    Attributes:
        names: the token of each row.
        weights: the vector of each row, shape (rows, dim).
        pieces: how many rows, from the first on, are the model's own vocabulary.
        rules: what the tokenizer does to characters.
        max_tokens: how many tokens of a text are read.
        length: the length of the vectors that the encoder makes.
    """

    names: list[str]
    weights: Vector
    pieces: int
    rules: dict[str, Any]
    max_tokens: int
    length: float


@dataclass(frozen=True, kw_only=True, slots=True)
class SQLEncoderInfo:
    """A collection's SQL encoder.

    Attributes:
        fingerprint: the model that it was trained for.
        generation: the number of the collection's generation when it was trained.
        report: what was measured then.
        created_at: when it was stored.
        bytes: the size of its tokens.
        current: whether the model that it was trained for is the collection's now.
    """

    fingerprint: str
    generation: int
    report: dict[str, Any]
    created_at: datetime
    bytes: int
    current: bool


class SQLEncoders:
    """The SQL encoders of one database."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._tables: dict[str, sql.Composable] = {
            table: Name(database.schema, table)
            for table in ("collections", "sql_encoders", "sql_encoder_tokens")
        }

    def sample(self, record: CollectionRecord, limit: int) -> SampledTexts:
        """Return texts of chunks drawn at random, `limit` of them at most, with their vectors."""
        samples = Samples(self._database, record)
        keys = samples.keys(limit)
        with self._database.connection() as connection:
            statement = query("sql_encoders.texts_of", source=record.tables.chunks)
            rows = connection.execute(statement, key_values(keys)).fetchall()
        texts = {(row[0], row[1]): row[2] for row in rows if row[2].strip()}
        generation = record.generation
        if generation.storage not in _AS_GIVEN or generation.transform is not None:
            return SampledTexts(texts=list(texts.values()), vectors=None)
        # a chunk that was deleted between the two reads has no vector, and is left out
        found: list[str] = []
        parts: list[Vector] = [np.empty((0, generation.dim), dtype=np.float32)]
        for those, vectors in samples.vectors(list(texts)):
            found += [texts[key] for key in those]
            parts.append(vectors)
        return SampledTexts(texts=found, vectors=np.concatenate(parts))

    def put(self, record: CollectionRecord, table: TokenTable, report: dict[str, Any]) -> None:
        """Store an encoder in place of the one that the collection has, if it has one.

        Raises:
            GenerationChangedError: another generation is active by now.
            SQLEncoderError: a weight is beyond what a halfvec stores.
        """
        assert record.generation.model is not None  # it encoded what was trained on
        with self._database.transaction() as connection:
            row = connection.execute(
                query("sql_encoders.lock", **self._tables), {"name": record.name}
            ).fetchone()
            if row is None or row[1] != record.generation.number:
                raise GenerationChangedError
            connection.execute(query("sql_encoders.remove", **self._tables), {"name": record.name})
            values = {
                "collection": row[0],
                "fingerprint": record.generation.model.fingerprint,
                "generation": record.generation.number,
                "dim": table.weights.shape[1],
                "length": table.length,
                "max_tokens": table.max_tokens,
                "rules": Jsonb(table.rules),
                "report": Jsonb(report),
            }
            added = connection.execute(query("sql_encoders.add", **self._tables), values).fetchone()
            assert added is not None
            tokens = self._tables["sql_encoder_tokens"]
            copy.copy_rows(connection, tokens, TOKEN_COLUMNS, _fields(added[0], table))
            connection.execute(query("sql_encoders.analyze", **self._tables), {})

    def get(self, record: CollectionRecord) -> SQLEncoderInfo | None:
        """Return a collection's encoder; None where it has none."""
        with self._database.connection() as connection:
            row = connection.execute(
                query("sql_encoders.get", **self._tables), {"name": record.name}
            ).fetchone()
        if row is None:
            return None
        model = record.generation.model
        return SQLEncoderInfo(
            fingerprint=row[0],
            generation=row[1],
            report=row[2],
            created_at=row[3],
            bytes=row[4] or 0,
            current=model is not None and model.fingerprint == row[0],
        )

    def drop(self, record: CollectionRecord) -> bool:
        """Remove a collection's encoder; return whether it had one."""
        with self._database.transaction() as connection:
            statement = query("sql_encoders.remove", **self._tables)
            return connection.execute(statement, {"name": record.name}).rowcount > 0


def _fields(encoder: int, table: TokenTable) -> Iterator[tuple[copy.Field, ...]]:
    """Yield the rows of `sql_encoder_tokens` as binary COPY takes them.

    A halfvec is its dimension and two bytes of zeros, then each value as a big-endian float16.
    """
    largest = float(np.abs(table.weights).max(initial=0))
    if not largest < LARGEST_HALF:
        raise SQLEncoderError(f"A weight of {largest:g} is beyond what a halfvec stores.")
    number = copy.binary(encoder.to_bytes(8, "big"))
    head = table.weights.shape[1].to_bytes(2, "big") + bytes(2)
    halves = table.weights.astype(">f2")
    for row, name in enumerate(table.names):
        yield (
            number,
            copy.text(name),
            copy.binary(bytes([row < table.pieces])),
            copy.binary(head + halves[row].tobytes()),
        )
