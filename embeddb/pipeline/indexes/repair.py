"""Repairing what interrupted builds and conversions leave; what is not embeddb's is left alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias

from embeddb.db.database import Database
from embeddb.errors import DatabaseError
from embeddb.pipeline.indexes.indexes import ensure_indexes
from embeddb.pipeline.indexes.ivfpq import has_rows
from embeddb.progress import Display
from embeddb.repository.collections.collections import Collections
from embeddb.repository.collections.documents import Documents
from embeddb.repository.collections.health import IndexHealth, InvalidIndex
from embeddb.repository.indexes.indexes import Indexes
from embeddb.schema.catalog import CollectionRecord
from embeddb.schema.indexes import IVFPQ

LOCK_TIMEOUT_MS = 2_000

DefectKind: TypeAlias = Literal["invalid index", "missing index", "missing function", "generation"]

_REMEDIES: dict[DefectKind, str] = {
    "invalid index": "drop",
    "missing index": "build",
    "missing function": "create",
    "generation": "drop",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Defect:
    """Something that is wrong with a collection.

    Attributes:
        kind: what is wrong.
        name: of the index, the function or the generation's table.
        remedy: `drop`, `build` or `create`.
        kept: why it is left as it is; empty where the remedy is taken.
        done: whether the remedy was taken.
    """

    kind: DefectKind
    name: str
    remedy: str
    kept: str = ""
    done: bool = False


def find_defects(database: Database, record: CollectionRecord) -> list[Defect]:
    """Return what is wrong, and change nothing."""
    health = IndexHealth(database, record)
    defects = [_invalid(index) for index in health.invalid()]
    defects += [_defect("missing function", name) for name in health.missing_functions()]
    defects += [_defect("missing index", name) for name in _missing(database, record)]
    defects += [_generation(health, left) for left in health.unfinished()]
    return defects


def repair(
    database: Database,
    record: CollectionRecord,
    display: Display,
    *,
    drop_generations: bool,
) -> tuple[CollectionRecord, list[Defect]]:
    """Repair what is wrong; return the record anew, and what was found and done.

    Args:
        database: where the collection is.
        record: the collection.
        display: shows how far a build is.
        drop_generations: also drop what interrupted conversions left.

    Raises:
        IndexBuildError: a missing index could not be built.
    """
    indexes = Indexes(database, record)
    with indexes.held():  # a build of embeddb's own is waited for
        defects = find_defects(database, record)
        repaired = list(_drop_invalid(indexes, _of("invalid index", defects)))
        repaired += _create_functions(database, record, _of("missing function", defects))
    repaired += _drop_generations(
        database, record, _of("generation", defects), agreed=drop_generations
    )
    missing = _of("missing index", defects)
    if any(defect.kept for defect in repaired if defect.name in {other.name for other in missing}):
        why = "an invalid index of this name is in the way"
        return record, repaired + [_keep(defect, why) for defect in missing]
    if missing:
        record = ensure_indexes(database, record, display)
    return record, repaired + [_done(defect) for defect in missing]


def _missing(database: Database, record: CollectionRecord) -> list[str]:
    """Return the names of missing indexes; one that there are too few rows for is not missing."""
    rows = Documents(database, record).count_chunks()
    index = record.generation.index
    if not rows:
        return []
    if isinstance(index, IVFPQ) and not has_rows(index, rows):
        index = None
    return Indexes(database, record).missing(index)


def _invalid(index: InvalidIndex) -> Defect:
    defect = _defect("invalid index", index.name)
    if not index.ours:
        return _keep(defect, "it is not embeddb's")
    if index.busy:
        return _keep(defect, f"{_processes(index.busy)} may be building it")
    return defect


def _generation(health: IndexHealth, left: CollectionRecord) -> Defect:
    defect = _defect("generation", left.tables.chunks_name)
    users = health.users(left)
    if users is None:
        return _keep(defect, "its index is being built")
    return _keep(defect, f"{_processes(users)} is using it") if users else defect


def _drop_invalid(indexes: Indexes, defects: list[Defect]) -> Iterator[Defect]:
    for defect in defects:
        if defect.kept:
            yield defect
        elif indexes.remove_invalid(defect.name):
            yield _done(defect)
        else:
            yield _keep(defect, "a transaction that reads the table does not end: try again later")


def _create_functions(
    database: Database, record: CollectionRecord, defects: list[Defect]
) -> list[Defect]:
    if defects:
        IndexHealth(database, record).create_functions([defect.name for defect in defects])
    return [_done(defect) for defect in defects]


def _drop_generations(
    database: Database, record: CollectionRecord, defects: list[Defect], *, agreed: bool
) -> Iterator[Defect]:
    by_name = {left.tables.chunks_name: left for left in IndexHealth(database, record).unfinished()}
    for defect in defects:
        if defect.kept:
            yield defect
        elif not agreed:
            yield _keep(defect, "nobody agreed to drop it")
        else:
            yield _dropped(database, by_name.get(defect.name), defect)


def _dropped(database: Database, left: CollectionRecord | None, defect: Defect) -> Defect:
    try:
        if left is not None:
            Collections(database).drop_generation(left, lock_timeout_ms=LOCK_TIMEOUT_MS)
    except DatabaseError as error:
        return _keep(defect, str(error).splitlines()[0])
    return _done(defect)


def _of(kind: DefectKind, defects: list[Defect]) -> list[Defect]:
    return [defect for defect in defects if defect.kind == kind]


def _defect(kind: DefectKind, name: str) -> Defect:
    return Defect(kind=kind, name=name, remedy=_REMEDIES[kind])


def _keep(defect: Defect, why: str) -> Defect:
    return Defect(kind=defect.kind, name=defect.name, remedy=defect.remedy, kept=why)


def _done(defect: Defect) -> Defect:
    return Defect(kind=defect.kind, name=defect.name, remedy=defect.remedy, done=True)


def _processes(pids: list[int] | tuple[int, ...]) -> str:
    listed = ", ".join(map(str, pids))
    return f"process {listed}" if len(pids) == 1 else f"one of the processes {listed}"
