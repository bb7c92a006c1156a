"""Fitted transforms in the catalog: what they are made of, and their matrices row by row."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from psycopg import sql
from psycopg.types.json import Jsonb

from embeddb.db import copy
from embeddb.db.database import Connection, TransactionSource
from embeddb.db.queries import Name, query
from embeddb.errors import GenerationChangedError
from embeddb.records import Vector
from embeddb.schema.catalog import TransformInfo

TransformRow = tuple[int, int, Vector, float]
"""Step, row of its matrix, the weights (in,), and the bias."""

ROW_COLUMNS = ("transform_id", "step", "row_no", "weights", "bias")
_FLOAT4_OID = 700


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredTransform:
    """A transform as its rows describe it."""

    words: tuple[str, ...]
    steps: Sequence[dict[str, Any]]
    rows: Sequence[TransformRow]
    input_dim: int
    fitted_rows: int


class Transforms:
    """The transforms of one database."""

    def __init__(self, database: TransactionSource) -> None:
        self._database = database
        self._names: dict[str, sql.Composable] = {
            name: Name(database.schema, name) for name in ("transforms", "transform_rows")
        }

    def add(
        self,
        connection: Connection,
        stored: StoredTransform,
        *,
        dim: int,
        fingerprint: str,
        leading: bool,
        unit: bool,
        isometric: bool,
    ) -> TransformInfo:
        """Store a transform; return it, or the one that is there where it is known."""
        row = connection.execute(
            query("transforms.add", **self._names),
            {
                "words": Jsonb(list(stored.words)),
                "steps": Jsonb(list(stored.steps)),
                "input_dim": stored.input_dim,
                "dim": dim,
                "fingerprint": fingerprint,
                "leading": leading,
                "unit": unit,
                "isometric": isometric,
                "fitted_rows": stored.fitted_rows,
            },
        ).fetchone()
        assert row is not None
        number, is_new = int(row[0]), bool(row[1])
        if is_new:
            table = self._names["transform_rows"]
            copy.copy_rows(connection, table, ROW_COLUMNS, _fields(number, stored.rows))
        return TransformInfo(
            id=number,
            words=stored.words,
            dim=dim,
            fingerprint=fingerprint,
            leading=leading,
            unit=unit,
            isometric=isometric,
        )

    def get(self, number: int) -> StoredTransform:
        """Return a transform with its matrices."""
        with self._database.connection() as connection:
            head = connection.execute(
                query("transforms.get", **self._names), {"id": number}
            ).fetchone()
            if head is None:
                raise GenerationChangedError  # its generation was replaced, and it went with it
            rows = connection.execute(
                query("transforms.rows", **self._names), {"id": number}
            ).fetchall()
        return StoredTransform(
            words=tuple(head[0]),
            steps=head[1],
            input_dim=head[2],
            fitted_rows=head[3],
            rows=[(row[0], row[1], _weights(row[2]), row[3]) for row in rows],
        )


def _fields(number: int, rows: Iterable[TransformRow]) -> Iterable[tuple[copy.Field, ...]]:
    for step, row_no, weights, bias in rows:
        yield (
            copy.binary(number.to_bytes(8, "big")),
            copy.binary(step.to_bytes(4, "big")),
            copy.binary(row_no.to_bytes(4, "big")),
            copy.binary(_array(weights)),
            copy.binary(struct.pack(">f", bias)),
        )


def _array(values: Vector) -> bytes:
    head = np.array([1, 0, _FLOAT4_OID, len(values), 1], dtype=">i4").tobytes()
    body = np.zeros(len(values), dtype=[("size", ">i4"), ("value", ">f4")])
    body["size"], body["value"] = 4, values
    return head + body.tobytes()


def _weights(data: bytes) -> Vector:
    """Return the numbers of a real[] that `array_send` sent."""
    body = np.frombuffer(data, dtype=[("size", ">i4"), ("value", ">f4")], offset=20)
    return body["value"].astype(np.float32)
