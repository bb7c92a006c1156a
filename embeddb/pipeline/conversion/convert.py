"""Converting a collection: its vectors in another form, in a new generation beside the old one.

The model stays, and nothing is encoded again: what is stored is the source. The old generation is
searched and written until the new one is complete, indexed, and takes its place in one short
transaction.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, replace

from psycopg import errors as pg

from embeddb.db.boundary import translated
from embeddb.db.database import Database
from embeddb.errors import (
    ConfigurationError,
    DatabaseError,
    DatabaseUnavailableError,
    EmbedDBError,
    GenerationChangedError,
)
from embeddb.pipeline.conversion.forms import checked_index, expected
from embeddb.pipeline.conversion.transition import Transition, joined_transform
from embeddb.pipeline.generation.form import keep_transform
from embeddb.pipeline.indexes.indexes import build_index
from embeddb.progress import Display, Silent
from embeddb.repository.attached.rows import remove_orphans
from embeddb.repository.collections.collections import Collections
from embeddb.repository.collections.documents import Documents
from embeddb.repository.collections.functions import Functions
from embeddb.repository.collections.generations import (
    ChunkKey,
    GenerationLock,
    Switchover,
    running_transactions,
)
from embeddb.schema.catalog import CollectionRecord, Generation, PendingForm
from embeddb.schema.distances import Distance
from embeddb.schema.index_rules import resolve_index
from embeddb.schema.indexes import IndexSpec
from embeddb.schema.storage import Storage
from embeddb.transforms import TransformSpec

DROP_ATTEMPTS = 5
DROP_PAUSE_SECONDS = 0.5
LOCK_TIMEOUT_MS = 2_000

FAREWELL_SECONDS = 5.0
"""How long to wait for the transactions that a switch found running. One of them may have begun
the SQL function as it was before, and not yet read the table that it names."""

POLL_SECONDS = 0.02
ADD_ATTEMPTS = 3


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

    What earlier conversions of the collection left behind, for one because they were killed, is
    dropped first.

    Raises:
        TransformError: there are too few vectors to learn the transform from.
        IndexSpecError, ConfigurationError: the form contradicts itself.
        IndexBuildError: the index could not be built.
        GenerationChangedError: somebody else converted the collection at the same time.
        After any error the collection is as it was.
    """
    drop_leftovers(database, record)
    with GenerationLock(database) as claim:
        built = build_generation(database, record, form, display or Silent(), claim)
        try:
            active = take_over(database, record, built)
        except BaseException as error:
            dropped = _discard(database, built)
            if dropped or not isinstance(error, DatabaseUnavailableError):
                raise
            active = _active(built)  # it was switched to, and only the answer was lost
    _drop_retired(database, replace(record, generation=_state(record, "retired")))
    if active.source is not None:
        # whoever deleted a row and had not committed yet knew nothing of the new generation
        with database.transaction() as connection:
            remove_orphans(connection, active)
    return active


@contextmanager
def scratch_generation(
    database: Database,
    record: CollectionRecord,
    form: Form,
    display: Display,
    keys: Sequence[ChunkKey] | None = None,
) -> Iterator[CollectionRecord]:
    """Build a generation that is only to be looked at, and drop it at the end of the block.

    Args:
        database: where the collection is.
        record: the generation that its vectors come from.
        form: what they become.
        display: shows how far it is.
        keys: the chunks to take; None: all.
    """
    with GenerationLock(database) as claim:
        built = build_generation(database, record, form, display, claim, keys=keys)
        try:
            yield built
        finally:
            _discard(database, built)


def apply_pending_form(
    database: Database, record: CollectionRecord, display: Display
) -> CollectionRecord:
    """Convert a collection to the form that it was created for, if there are enough rows now."""
    wanted = record.generation.wanted
    if wanted is None or Documents(database, record).count_chunks() < rows_needed(record):
        return record
    try:
        return convert(database, record, wanted_form(record.generation, wanted), display)
    except GenerationChangedError:  # another writer did it, and what was written is there
        return Collections(database).get(record.name)


def rows_needed(record: CollectionRecord) -> int:
    """Say how many chunks a collection must have before its transform can be learned."""
    generation = record.generation
    if generation.wanted is None:
        return 0
    return TransformSpec(words=generation.wanted.transform).min_rows(generation.dim)


def wanted_form(generation: Generation, wanted: PendingForm) -> Form:
    """Give the form that a collection was created for."""
    return Form(
        storage=wanted.storage,
        distance=generation.distance,
        transform=wanted.transform,
        index=wanted.index,
    )


def default_index(record: CollectionRecord) -> IndexSpec | None:
    """Give the index that a converted collection gets where nothing else is said: its own."""
    generation = record.generation
    return (generation.wanted or generation).index


def drop_leftovers(database: Database, record: CollectionRecord) -> None:
    """Drop what earlier conversions left behind, where nobody works on it or reads it."""
    catalog = Collections(database)
    with GenerationLock(database) as claim:
        for left in catalog.generations(record.name):
            if left.generation.state == "active" or not claim.take(left.tables):
                continue
            if left not in catalog.generations(record.name):
                continue  # whoever claimed it before dropped it, and its number may be taken again
            with suppress(DatabaseError):  # `embeddb index repair` says what is in the way
                catalog.drop_generation(left, lock_timeout_ms=LOCK_TIMEOUT_MS)


def build_generation(
    database: Database,
    record: CollectionRecord,
    form: Form,
    display: Display,
    claim: GenerationLock,
    *,
    keys: Sequence[ChunkKey] | None = None,
) -> CollectionRecord:
    """Make a generation of the form, filled and indexed, that nobody searches yet.

    Args:
        database: where the collection is.
        record: the generation that its vectors come from.
        form: what they become.
        display: shows how far it is.
        claim: tells others that it is being made.
        keys: the chunks to take; None: all.
    """
    check_form(record, form)
    with while_active(database, record):
        target = _added(database, record, form, claim)
        try:
            _copy(database, record, target, display, keys)
            return build_index(database, target, form.index, display)
        except BaseException:
            _discard(database, target)
            raise


def check_form(record: CollectionRecord, form: Form) -> IndexSpec | None:
    """Refuse what contradicts itself before anything is learned or copied.

    Returns:
        The index that is built: another one than asked for where pgvector cannot build that.

    Raises:
        ConfigurationError: the collection cannot be of that form.
        TransformError, IndexSpecError: its transform or its index cannot be.
    """
    old = record.generation
    if old.storage is Storage.BIT and form.storage is not Storage.BIT:
        raise ConfigurationError(
            f"Collection {record.name!r} keeps only bits, and numbers cannot be made of them: "
            "encode the documents anew in another collection."
        )
    form.storage.check(form.distance)
    transform = old.transform
    if form.transform:
        spec = TransformSpec(words=form.transform)
        spec.check(old.stored_dim, form.distance.label)
        words = () if transform is None else transform.words
        transform = expected(TransformSpec(words=words + spec.words), old.dim)
    if form.index is None:
        return None
    made = replace(old, storage=form.storage, distance=form.distance, transform=transform)
    return resolve_index(form.index, made)[0]


def take_over(
    database: Database, record: CollectionRecord, target: CollectionRecord
) -> CollectionRecord:
    """Bring over what was written meanwhile, and switch to the new generation.

    Raises:
        GenerationChangedError: the old one is not the active one any more.
    """
    succession = Switchover(database, record, target)
    active = _active(target)
    with database.transaction() as connection:
        if not succession.stop_writers(connection):
            raise _changed(record)
        succession.remove_stale(connection)
        documents = Documents(database, target)
        continuation = Transition(database, record, target)
        for found, vectors in succession.missing_now(connection):
            documents.insert_chunks(connection, continuation.chunks(found, vectors))
        succession.switch(connection)
        Functions(database).create_search(connection, active)
    return active


def _drop_retired(database: Database, retired: CollectionRecord) -> None:
    """Drop the old generation once nobody reads it; the next conversion tries again."""
    end = time.monotonic() + FAREWELL_SECONDS
    running = running_transactions(database)
    while running and time.monotonic() < end:
        time.sleep(POLL_SECONDS)
        running &= running_transactions(database)
    for attempt in range(DROP_ATTEMPTS):
        try:
            Collections(database).drop_generation(retired, lock_timeout_ms=LOCK_TIMEOUT_MS)
            return
        except DatabaseError as error:
            if not isinstance(error.__cause__, pg.LockNotAvailable):
                return
            if attempt < DROP_ATTEMPTS - 1:
                time.sleep(DROP_PAUSE_SECONDS)


def _discard(database: Database, built: CollectionRecord) -> bool:
    """Drop a generation that is not needed; False: it is the active one, and stays.

    Called while another error is on its way, which is the one to tell.
    """
    with suppress(EmbedDBError):
        return Collections(database).drop_generation(built, lock_timeout_ms=LOCK_TIMEOUT_MS)
    return True


def _added(
    database: Database, record: CollectionRecord, form: Form, claim: GenerationLock
) -> CollectionRecord:
    """Learn the transform, and enter the new generation into the catalog."""
    old = record.generation
    transform = joined_transform(database, record, form.transform, form.distance)
    for attempt in range(ADD_ATTEMPTS):
        made = replace(
            old,
            storage=form.storage,
            distance=form.distance,
            wanted=None,
            index=None,
            transform=old.transform if transform is None else keep_transform(database, transform),
        )
        made = replace(made, index=checked_index(form.index, made))
        try:
            return Collections(database).add_generation(record, made, claim.hold)
        except DatabaseError as error:
            # somebody who dropped another generation found the transform without a use
            unused = isinstance(error.__cause__, pg.ForeignKeyViolation)
            if not unused or attempt == ADD_ATTEMPTS - 1:
                raise
    raise AssertionError  # the last attempt returns or raises


def _copy(
    database: Database,
    source: CollectionRecord,
    target: CollectionRecord,
    display: Display,
    keys: Sequence[ChunkKey] | None,
) -> None:
    """Copy chunks over, in transactions of their own; what changes meanwhile comes later."""
    documents = Documents(database, target)
    continuation = Transition(database, source, target)
    total = Documents(database, source).count_chunks() if keys is None else len(keys)
    done = 0
    with (
        database.dedicated() as connection,
        translated(),
        closing(Switchover(database, source, target).missing(keys)) as stream,
    ):
        for found, vectors in stream:
            with connection.transaction():
                documents.insert_chunks(connection, continuation.chunks(found, vectors))
            done += len(found)
            display.index("copying vectors", done, total)


@contextmanager
def while_active(database: Database, record: CollectionRecord) -> Iterator[None]:
    """Tell a table that went away while it was read for what it is.

    Raises:
        GenerationChangedError: in place of Postgres's error, where the generation was replaced.
    """
    try:
        yield
    except DatabaseError as error:
        if not isinstance(error.__cause__, pg.UndefinedTable):
            raise
        if Collections(database).get(record.name).generation.number == record.generation.number:
            raise
        raise _changed(record) from error


def _changed(record: CollectionRecord) -> GenerationChangedError:
    return GenerationChangedError(
        f"Collection {record.name!r} was converted by somebody else meanwhile: open it again with "
        "store.collection(…)."
    )


def _active(record: CollectionRecord) -> CollectionRecord:
    return replace(record, generation=_state(record, "active"))


def _state(record: CollectionRecord, state: str) -> Generation:
    return replace(record.generation, state=state)
