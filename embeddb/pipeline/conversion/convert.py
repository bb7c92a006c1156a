"""Converting a collection: its vectors in another form, in a new generation beside the old one.

The model stays and nothing is encoded again: the new vectors are made of those that are stored. The
old generation is searched and written to until the new one is complete and indexed, and takes its
place in one short transaction.
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
"""How long to wait for the transactions that were running at a switch. One of them may have begun
the SQL function as it was before, and not yet have read the table that the function names."""

SWITCH_SECONDS = 600.0
"""How long a switch tries to get hold of the view of the chunks."""

SWITCH_PAUSE_SECONDS = 1.0
SWITCH_TIMEOUT_MS = 500
"""Writers wait behind a switch, and so do new readers of the view. It gives up before Postgres
would look for deadlocks: a reader that is about to write would be in one."""

POLL_SECONDS = 0.02
ADD_ATTEMPTS = 3


@dataclass(frozen=True, kw_only=True, slots=True)
class Form:
    """The form that the vectors are to take.

    Attributes:
        transform: applied to what is stored now, after the transform that it has; empty for none.
        index: None for exact search.
    """

    storage: Storage
    distance: Distance
    transform: tuple[str, ...] = ()
    index: IndexSpec | None = None


def convert(
    database: Database, record: CollectionRecord, form: Form, display: Display | None = None
) -> CollectionRecord:
    """Build a generation of the form, switch to it, drop the old one, and return the new record.

    What earlier conversions of the collection left behind, because they were killed for example, is
    dropped first. After any error the collection is as it was.

    Raises:
        TransformError: there are too few vectors to learn the transform from.
        IndexSpecError, ConfigurationError: the form contradicts itself.
        IndexBuildError: the index could not be built.
        GenerationChangedError: another process converted the collection at the same time.
    """
    drop_leftovers(database, record)
    with GenerationLock(database) as lock:
        built = build_generation(database, record, form, display or Silent(), lock)
        try:
            active = take_over(database, record, built)
        except BaseException as error:
            dropped = _discard(database, built)
            if dropped or not isinstance(error, DatabaseUnavailableError):
                raise
            active = _active(built)  # the switch was committed, and only the answer was lost
    _drop_retired(database, replace(record, generation=_state(record, "retired")))
    if active.source is not None:
        # a transaction that deleted a row and had not committed knew nothing of the new generation
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
    """Build a generation to try it out, yield its record, and drop it at the end of the block.

    Args:
        database: where the collection is.
        record: the generation that its vectors come from.
        form: what they become.
        display: shows how far the build is.
        keys: the chunks to take; None takes all.
    """
    with GenerationLock(database) as lock:
        built = build_generation(database, record, form, display, lock, keys=keys)
        try:
            yield built
        finally:
            _discard(database, built)


def apply_pending_form(
    database: Database, record: CollectionRecord, display: Display
) -> CollectionRecord:
    """Convert a collection to the form that it was created for, once it has enough rows for that.

    Returns:
        The record of the new generation, or the same record where there is nothing to do.
    """
    pending = record.generation.wanted
    if pending is None or Documents(database, record).count_chunks() < rows_needed(record):
        return record
    try:
        return convert(database, record, form_of(record.generation, pending), display)
    except GenerationChangedError:  # another writer did it, and kept what was written here
        return Collections(database).get(record.name)


def rows_needed(record: CollectionRecord) -> int:
    """Return how many chunks a collection must have before its transform can be learned."""
    generation = record.generation
    if generation.wanted is None:
        return 0
    return TransformSpec(words=generation.wanted.transform).min_rows(generation.dim)


def form_of(generation: Generation, pending: PendingForm) -> Form:
    """Return the form that a collection was created for."""
    return Form(
        storage=pending.storage,
        distance=generation.distance,
        transform=pending.transform,
        index=pending.index,
    )


def default_index(record: CollectionRecord) -> IndexSpec | None:
    """Return the index that a converted collection gets unless another is asked for: its own."""
    generation = record.generation
    return (generation.wanted or generation).index


def drop_leftovers(database: Database, record: CollectionRecord) -> None:
    """Drop what earlier conversions left behind, unless another process works on it or reads it."""
    catalog = Collections(database)
    with GenerationLock(database) as lock:
        for left in catalog.generations(record.name):
            if left.generation.state == "active" or not lock.take(left.tables):
                continue
            if left not in catalog.generations(record.name):
                continue  # the process that held the lock dropped it, and its number may be reused
            with suppress(DatabaseError):  # `embeddb index repair` reports what is in the way
                catalog.drop_generation(left, lock_timeout_ms=LOCK_TIMEOUT_MS)


def build_generation(
    database: Database,
    record: CollectionRecord,
    form: Form,
    display: Display,
    lock: GenerationLock,
    *,
    keys: Sequence[ChunkKey] | None = None,
) -> CollectionRecord:
    """Build a generation of the form, filled and indexed, that no search reads yet.

    Args:
        database: where the collection is.
        record: the generation that its vectors come from.
        form: what they become.
        display: shows how far the build is.
        lock: keeps other processes from dropping the generation meanwhile.
        keys: the chunks to take; None takes all.
    """
    check_form(record, form)
    with while_active(database, record):
        new = _added(database, record, form, lock)
        try:
            _copy(database, record, new, display, keys)
            return build_index(database, new, form.index, display)
        except BaseException:
            _discard(database, new)
            raise


def check_form(record: CollectionRecord, form: Form) -> IndexSpec | None:
    """Check a form for contradictions before anything is learned or copied.

    Returns:
        The index to build: another one than asked for where pgvector cannot build that.

    Raises:
        ConfigurationError: the collection cannot take the form.
        TransformError, IndexSpecError: the transform or the index contradicts the rest.
    """
    old = record.generation
    if old.storage is Storage.BIT and form.storage is not Storage.BIT:
        raise ConfigurationError(
            f"Collection {record.name!r} stores only bits, which cannot be turned back into "
            "numbers: encode the documents again in another collection."
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
    database: Database, record: CollectionRecord, new: CollectionRecord
) -> CollectionRecord:
    """Copy what was written meanwhile, switch to the new generation, and return it as active.

    Whoever reads the view of the chunks in an open transaction is waited for, while others write.

    Raises:
        GenerationChangedError: the old generation is no longer the active one.
        DatabaseError: the view was read without a pause for too long.
    """
    end = time.monotonic() + SWITCH_SECONDS
    while True:
        try:
            return _switch(database, record, new)
        except DatabaseError as error:
            if not isinstance(error.__cause__, pg.LockNotAvailable):
                raise
            if time.monotonic() > end:
                view = f"{new.tables.schema}.{new.tables.chunks_view}"
                raise DatabaseError(
                    f"A transaction that reads {view} stayed open for {SWITCH_SECONDS:.0f} "
                    "seconds, and the collection stays as it was: convert it again when that has "
                    "ended."
                ) from error
        time.sleep(SWITCH_PAUSE_SECONDS)


def _switch(
    database: Database, record: CollectionRecord, new: CollectionRecord
) -> CollectionRecord:
    """Switch in one transaction, which does not wait long for readers of the view."""
    switchover = Switchover(database, record, new)
    active = _active(new)
    with database.transaction() as connection:
        if not switchover.stop_writers(connection):
            raise _changed(record)
        switchover.remove_stale(connection)
        documents = Documents(database, new)
        transition = Transition(database, record, new)
        for found, vectors in switchover.missing_now(connection):
            documents.insert_chunks(connection, transition.chunks(found, vectors))
        switchover.switch(connection)
        switchover.limit_waits(connection, SWITCH_TIMEOUT_MS)
        Functions(database).create_search(connection, active)
    return active


def _drop_retired(database: Database, retired: CollectionRecord) -> None:
    """Drop the old generation once no search reads it, or leave it to the next conversion."""
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
    """Drop a generation that is not needed; return False where it is the active one, and stays.

    It is called while another error is raised, so that an error of its own must not hide that.
    """
    with suppress(EmbedDBError):
        return Collections(database).drop_generation(built, lock_timeout_ms=LOCK_TIMEOUT_MS)
    return True


def _added(
    database: Database, record: CollectionRecord, form: Form, lock: GenerationLock
) -> CollectionRecord:
    """Learn the transform, enter the new generation into the catalog, and return its record."""
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
            return Collections(database).add_generation(record, made, lock.hold)
        except DatabaseError as error:
            # another process dropped a generation, and with it the transform that had no use yet
            unused = isinstance(error.__cause__, pg.ForeignKeyViolation)
            if not unused or attempt == ADD_ATTEMPTS - 1:
                raise
    raise AssertionError  # the last attempt returns or raises


def _copy(
    database: Database,
    old: CollectionRecord,
    new: CollectionRecord,
    display: Display,
    keys: Sequence[ChunkKey] | None,
) -> None:
    """Copy chunks in transactions of their own; `take_over` copies what changes meanwhile."""
    documents = Documents(database, new)
    transition = Transition(database, old, new)
    total = Documents(database, old).count_chunks() if keys is None else len(keys)
    done = 0
    with (
        database.dedicated() as connection,
        translated(),
        closing(Switchover(database, old, new).missing(keys)) as stream,
    ):
        for found, vectors in stream:
            with connection.transaction():
                documents.insert_chunks(connection, transition.chunks(found, vectors))
            done += len(found)
            display.index("copying vectors", done, total)


@contextmanager
def while_active(database: Database, record: CollectionRecord) -> Iterator[None]:
    """Explain the error of a block that reads a generation which another process replaces.

    Raises:
        GenerationChangedError: the generation was replaced; Postgres's own error is the cause.
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
        f"Collection {record.name!r} was converted by another process meanwhile: open it again "
        "with store.collection(…)."
    )


def _active(record: CollectionRecord) -> CollectionRecord:
    return replace(record, generation=_state(record, "active"))


def _state(record: CollectionRecord, state: str) -> Generation:
    return replace(record.generation, state=state)
