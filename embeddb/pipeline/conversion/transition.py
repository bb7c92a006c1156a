"""From the vectors that one generation stores to those of the next."""

from __future__ import annotations

import orjson

from embeddb.db.database import Database
from embeddb.errors import InvalidVectorError
from embeddb.pipeline.generation.form import StoredForm, read_transform
from embeddb.records import Vector
from embeddb.repository.catalog.transforms import Transforms
from embeddb.repository.collections.documents import Chunks, Documents
from embeddb.repository.collections.generations import ChunkRow
from embeddb.schema.catalog import CollectionRecord
from embeddb.schema.distances import Distance
from embeddb.transforms import Transform, TransformSpec, fit

FIT_SAMPLE = 50_000
"""Vectors from which a transform is learned; more change its directions less than noise does."""


def joined_transform(
    database: Database, record: CollectionRecord, words: tuple[str, ...], distance: Distance
) -> Transform | None:
    """Fit a transform to the stored vectors, and join it to the one that made them.

    Returns:
        The transform from the model's vectors to the new ones; None where there are no words, so
        that the one that made the stored vectors is all.

    Raises:
        TransformError: the words contradict themselves, or there are too few vectors.
    """
    if not words:
        return None
    old = record.generation
    spec = TransformSpec(words=words)
    sample: Vector | None = None
    if spec.needs_fit:
        _, sample = Documents(database, record).sample(FIT_SAMPLE)
    fitted = fit(spec, sample, input_dim=old.stored_dim, distance=distance.label)
    if old.transform is None:
        return fitted
    before = read_transform(Transforms(database).get(old.transform.id))
    return Transform(
        spec=before.spec + fitted.spec,
        steps=before.steps + fitted.steps,
        input_dim=before.input_dim,
        output_dim=fitted.output_dim,
        fitted_rows=fitted.fitted_rows,
    )


class Transition:
    """Makes the vectors of a new generation of those that the old one stores.

    The new transform begins with the steps of the old one, which the stored vectors have behind
    them.
    """

    def __init__(self, database: Database, old: CollectionRecord, new: CollectionRecord) -> None:
        self._form = StoredForm(database, new.generation)
        before, after = old.generation.transform, self._form.transform
        done = 0
        if before is not None and after is not None:
            done = len(read_transform(Transforms(database).get(before.id)).steps)
        self._steps = () if after is None else after.steps[done:]

    def vectors(self, vectors: Vector) -> Vector:
        """Return vectors of shape (n, dim of the old generation) as (n, dim of the new one)."""
        for step in self._steps:
            vectors = step.apply(vectors)
        return vectors

    def chunks(self, rows: list[ChunkRow], vectors: Vector) -> Chunks:
        """Return chunks with their vectors as they are to be stored.

        Raises:
            InvalidVectorError: the new form cannot store one of them.
        """
        vectors, problems = self._form.storable(
            self.vectors(vectors), lambda row: f"Chunk {rows[row][:2]}"
        )
        if problems:
            raise InvalidVectorError(str(next(iter(problems.values()))))
        return Chunks(
            ids=[row[0] for row in rows],
            numbers=[row[1] for row in rows],
            contents=[None if row[2] is None else row[2].encode() for row in rows],
            spans=[(row[3] or 0, row[4] or 0) for row in rows],
            hashes=[row[5] for row in rows],
            vectors=vectors,
            parts=[row[6] for row in rows],
            locations=[None if row[7] is None else orjson.dumps(row[7]) for row in rows],
        )
