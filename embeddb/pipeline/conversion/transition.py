"""From what one generation stores to what the next one does."""

from __future__ import annotations

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
    """Fit what is to be done to the stored vectors, and join it to what was done before.

    Returns:
        None where there are no words: what was done before is all.

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
    """What is done to vectors that one generation stores, to make the next one's of them.

    The next one's transform begins with that of the first, which is done to them already.
    """

    def __init__(
        self, database: Database, source: CollectionRecord, target: CollectionRecord
    ) -> None:
        self._form = StoredForm(database, target.generation)
        old, new = source.generation.transform, self._form.transform
        done = 0
        if old is not None and new is not None:
            done = len(read_transform(Transforms(database).get(old.id)).steps)
        self._steps = () if new is None else new.steps[done:]

    def vectors(self, vectors: Vector) -> Vector:
        """Give vectors, shape (n, the first one's dim), in the form of the next: (n, its dim)."""
        for step in self._steps:
            vectors = step.apply(vectors)
        return vectors

    def chunks(self, rows: list[ChunkRow], vectors: Vector) -> Chunks:
        """Give chunks with their vectors as they are to be stored.

        Raises:
            InvalidVectorError: one cannot be stored in that form.
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
        )
