"""Rows of the catalog as records, and records as the values of its rows."""

from __future__ import annotations

from typing import Any

from psycopg.types.json import Jsonb

from embeddb.records import ModelInfo
from embeddb.schema import attached, indexes, layouts
from embeddb.schema.catalog import CollectionRecord, Generation, PendingForm, TransformInfo
from embeddb.schema.distances import Distance
from embeddb.schema.indexes import IndexSpec
from embeddb.schema.names import Tables
from embeddb.schema.storage import Storage

MODEL_FIELDS = (
    "name",
    "revision",
    "fingerprint",
    "modality",
    "dim",
    "max_tokens",
    "query_prompt",
    "document_prompt",
    "normalized",
    "dtype",
)
_OWN_FIELDS = 13
_TRANSFORM_START = _OWN_FIELDS + len(MODEL_FIELDS)


def collection_record(schema: str, row: tuple[Any, ...]) -> CollectionRecord:
    """Return the record of a row of `collections.list`."""
    name, number, dim, distance, storage, normalize, chunker = row[:7]
    index_spec, state, table, pending, layout, source = row[7:_OWN_FIELDS]
    model = row[_OWN_FIELDS:_TRANSFORM_START]
    transform = row[_TRANSFORM_START:]
    return CollectionRecord(
        name=name,
        tables=Tables(schema=schema, documents_name=name, chunks_name=table),
        generation=Generation(
            number=number,
            dim=dim,
            distance=Distance.named(distance),
            storage=Storage.named(storage),
            model=ModelInfo(**dict(zip(MODEL_FIELDS, model, strict=True))) if model[0] else None,
            normalize=normalize,
            chunker=chunker,
            index=indexes.from_json(index_spec),
            state=state,
            transform=_transform(transform),
            wanted=_pending_form(pending),
            layout=layouts.from_json(layout),
        ),
        source=attached.from_json(source),
    )


def generation_values(record: CollectionRecord) -> dict[str, Any]:
    """Return the values of a row of `generations`, without the keys to other tables."""
    generation = record.generation
    return {
        "number": generation.number,
        "dim": generation.dim,
        "distance": generation.distance.label,
        "storage": generation.storage.label,
        "normalize": generation.normalize,
        "chunker": Jsonb(generation.chunker),
        "index_spec": index_value(generation.index),
        "state": generation.state,
        "table_name": record.tables.chunks_name,
        "transform_id": generation.transform.id if generation.transform else None,
        "wanted": _pending_value(generation.wanted),
        "layout": Jsonb(layouts.to_json(generation.layout)),
    }


def index_value(index: IndexSpec | None) -> Jsonb | None:
    """Return an index spec as a value of the catalog."""
    value = indexes.to_json(index)
    return None if value is None else Jsonb(value)


def _transform(row: tuple[Any, ...]) -> TransformInfo | None:
    if row[0] is None:
        return None
    return TransformInfo(
        id=row[0],
        words=tuple(row[1]),
        dim=row[2],
        fingerprint=row[3],
        leading=row[4],
        unit=row[5],
        isometric=row[6],
    )


def _pending_form(value: dict[str, Any] | None) -> PendingForm | None:
    if value is None:
        return None
    return PendingForm(
        storage=Storage.named(value["storage"]),
        transform=tuple(value["transform"]),
        index=indexes.from_json(value["index"]),
    )


def _pending_value(pending: PendingForm | None) -> Jsonb | None:
    if pending is None:
        return None
    return Jsonb(
        {
            "storage": pending.storage.label,
            "transform": list(pending.transform),
            "index": indexes.to_json(pending.index),
        }
    )
