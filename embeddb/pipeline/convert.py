"""Converting a collection: its vectors in another form, in a new generation beside the old one.

The model stays, and nothing is encoded again: what is stored is the source. The old generation is
searched and written until the new one is complete, indexed, and takes its place in one short
transaction.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import psycopg

from embeddb.db.boundary import translated
from embeddb.db.database import Database
from embeddb.errors import (
    ConfigurationError,
    DatabaseError,
    GenerationChangedError,
    InvalidVectorError,
)
from embeddb.pipeline.display import Display, Silent
from embeddb.pipeline.forms import checked_index
from embeddb.pipeline.indexing import build_index
from embeddb.pipeline.stored_form import StoredForm, keep_transform, read_transform
from embeddb.records import Vector
from embeddb.repository.collections import Collections
from embeddb.repository.documents import Chunks, Documents
from embeddb.repository.functions import Functions
from embeddb.repository.generations import ChunkRow, Succession
from embeddb.repository.transforms import Transforms
from embeddb.schema.catalog import CollectionRecord, Generation, Wanted
from embeddb.schema.distances import Distance
from embeddb.schema.indexes import HNSW, IndexSpec
from embeddb.schema.storage import Storage
from embeddb.transforms import Transform, TransformSpec, fit

FIT_SAMPLE = 50_000
"""Vectors from which a transform is learned; more change its directions less than noise does."""

DROP_ATTEMPTS = 5
LOCK_TIMEOUT_MS = 2_000

Progress = Callable[[int, int], None]


@dataclass(frozen=True, kw_only=True, slots=True)
class Form:
    """What the vectors are to become.

    Attributes:
        transform: applied to what is stored now, after the transform that it has; empty: none.
        index: None for exact search.
    """

    storage: Storage
    distance: Distance
    transform: tuple[str, ...] = ()
    index: IndexSpec | None = None


def convert(
    database: Database, record: CollectionRecord, form: Form, display: Display | None = None
) -> CollectionRecord:
    """Build a generation of the form, put it in the old one's place, and drop that.

    Raises:
        TransformError: there are too few vectors to learn the transform from.
        IndexSpecError, ConfigurationError: the form contradicts itself.
        IndexBuildError: the index could not be built.
        GenerationChangedError: somebody else converted the collection at the same time.
        After any error the collection is as it was.
    """
    shown = display or Silent()
    built = build_generation(database, record, form, shown)
    try:
        return take_over(database, record, built)
    except BaseException:
        Collections(database).drop_generation(built)
        raise


def realize(database: Database, record: CollectionRecord, display: Display) -> CollectionRecord:
    """Convert a collection to the form that it was created for, if there are enough rows now."""
    wanted = record.generation.wanted
    if wanted is None or Documents(database, record).count_chunks() < rows_needed(record):
        return record
    return convert(database, record, wanted_form(record.generation, wanted), display)


def rows_needed(record: CollectionRecord) -> int:
    """Say how many chunks a collection must have before its transform can be learned."""
    generation = record.generation
    if generation.wanted is None:
        return 0
    return TransformSpec(words=generation.wanted.transform).min_rows(generation.dim)


def wanted_form(generation: Generation, wanted: Wanted) -> Form:
    """Give the form that a collection was created for."""
    return Form(
        storage=wanted.storage,
        distance=generation.distance,
        transform=wanted.transform,
        index=wanted.index,
    )


def build_generation(
    database: Database,
    record: CollectionRecord,
    form: Form,
    display: Display,
    *,
    rows: int | None = None,
) -> CollectionRecord:
    """Make a generation of the form, filled and indexed, that nobody searches yet.

    Args:
        database: where the collection is.
        record: the generation that its vectors come from.
        form: what they become.
        display: shows how far it is.
        rows: how many chunks to take; None: all.
    """
    if record.generation.storage is Storage.BIT and form.storage is not Storage.BIT:
        raise ConfigurationError(
            f"Collection {record.name!r} keeps only bits, and numbers cannot be made of them: "
            "encode the documents anew in another collection."
        )
    form.storage.check(form.distance)
    generation = _generation(database, record, form)
    target = Collections(database).add_generation(record, generation)
    try:
        _copy(database, record, target, display, rows)
        return build_index(database, target, form.index, display)
    except BaseException:
        Collections(database).drop_generation(target)
        raise


def take_over(
    database: Database, record: CollectionRecord, target: CollectionRecord
) -> CollectionRecord:
    """Bring over what was written meanwhile, switch, and drop the old generation."""
    succession = Succession(database, record, target)
    active = replace(target, generation=replace(target.generation, state="active"))
    with database.transaction() as connection:
        if not succession.stop_writers(connection):
            raise GenerationChangedError(
                f"Collection {record.name!r} was converted by somebody else meanwhile: open it "
                "again with store.collection(…)."
            )
        succession.remove_stale(connection)
        documents = Documents(database, target)
        form = _Continuation(database, record, target)
        for found, vectors in succession.missing_now(connection):
            documents.insert_chunks(connection, form.chunks(found, vectors))
        succession.switch(connection)
        Functions(database).create_search(connection, active)
    _drop(database, replace(record, generation=replace(record.generation, state="retired")))
    return active


def _drop(database: Database, retired: CollectionRecord) -> None:
    """Drop the old generation as soon as no reader is in it; `index repair` finds it otherwise."""
    for attempt in range(DROP_ATTEMPTS):
        try:
            Collections(database).drop_generation(retired, lock_timeout_ms=LOCK_TIMEOUT_MS)
            return
        except DatabaseError as error:
            locked = isinstance(error.__cause__, psycopg.errors.LockNotAvailable)
            if not locked or attempt == DROP_ATTEMPTS - 1:
                return
            time.sleep(0.5)


def _generation(database: Database, record: CollectionRecord, form: Form) -> Generation:
    """Learn the transform, and describe the new generation."""
    old = record.generation
    transform = _transform(database, record, form)
    made = replace(
        old,
        storage=form.storage,
        distance=form.distance,
        wanted=None,
        index=None,
        transform=old.transform if transform is None else keep_transform(database, transform),
    )
    # what contradicts itself is refused before any row is copied
    return replace(made, index=checked_index(form.index, made))


def _transform(database: Database, record: CollectionRecord, form: Form) -> Transform | None:
    """Fit what is to be done to the stored vectors, and join it to what was done before."""
    if not form.transform:
        return None
    old = record.generation
    spec = TransformSpec(words=form.transform)
    sample: Vector | None = None
    if spec.needs_fit:
        _, sample = Documents(database, record).sample(FIT_SAMPLE)
    fitted = fit(spec, sample, input_dim=old.stored_dim, distance=form.distance.label)
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


def _copy(
    database: Database,
    source: CollectionRecord,
    target: CollectionRecord,
    display: Display,
    rows: int | None,
) -> None:
    """Copy chunks over, in transactions of their own; what changes meanwhile comes later."""
    documents = Documents(database, target)
    form = _Continuation(database, source, target)
    total = Documents(database, source).count_chunks()
    total = total if rows is None else min(rows, total)
    done = 0
    with database.dedicated() as connection, translated():
        for found, vectors in Succession(database, source, target).missing(rows):
            with connection.transaction():
                documents.insert_chunks(connection, form.chunks(found, vectors))
            done += len(found)
            display.index("copying vectors", done, total)


class _Continuation:
    """What is done to vectors that the old generation stores, to make the new one's of them."""

    def __init__(
        self, database: Database, source: CollectionRecord, target: CollectionRecord
    ) -> None:
        self._form = StoredForm(database, target.generation)
        old = source.generation.transform
        self._done = 0
        if old is not None and self._form.transform is not None:
            self._done = len(read_transform(Transforms(database).get(old.id)).steps)

    def chunks(self, rows: list[ChunkRow], vectors: Vector) -> Chunks:
        if self._form.transform is not None:
            for step in self._form.transform.steps[self._done :]:
                vectors = step.apply(vectors)
        vectors, problems = self._form.storable(vectors, lambda row: f"Chunk {rows[row][:2]}")
        if problems:
            raise InvalidVectorError(str(next(iter(problems.values()))))
        return Chunks(
            ids=[row[0] for row in rows],
            numbers=[row[1] for row in rows],
            contents=[None if row[2] is None else row[2].encode() for row in rows],
            spans=[(row[3] or 0, row[4] or 0) for row in rows],
            hashes=[row[5] for row in rows],
            vectors=vectors,
        )


def default_index(record: CollectionRecord) -> IndexSpec | None:
    """Give the index that a converted collection gets where nothing else is said."""
    generation = record.generation
    return generation.wanted.index if generation.wanted else generation.index or HNSW()
