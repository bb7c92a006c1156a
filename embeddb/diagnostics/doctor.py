"""The doctor: checks a server and every collection on it, and says how to fix what is wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import TypeAlias

from embeddb.db.database import Database
from embeddb.diagnostics.attached_checks import check_attached, is_readable
from embeddb.diagnostics.collection_checks import check_collection, check_model, check_recall
from embeddb.diagnostics.findings import DoctorReport, Finding, run_check
from embeddb.diagnostics.server_checks import check_machine, check_server, is_embedded
from embeddb.protocols import Encoder
from embeddb.repository.catalog.reader import CatalogReader
from embeddb.schema.catalog import CollectionRecord

LoadEncoder: TypeAlias = Callable[[str], Encoder]
"""Makes the encoder of a model's name."""


def examine(
    database: Database, data_dir: Path, *, load_encoder: LoadEncoder | None = None
) -> DoctorReport:
    """Check a server, and then every collection unless the server itself is broken.

    No error of embeddb's is raised: a server that does not answer, or lacks embeddb's schema, is
    a finding.

    Args:
        database: the database to look at.
        data_dir: where the embedded server keeps its data, to know whether it is that server.
        load_encoder: also load every collection's model with it, which takes seconds, and
            compare the fingerprints. None skips that check.
    """
    findings = list(run_check("server", lambda: check_server(database)))
    if is_embedded(database.url, data_dir):
        findings += check_machine()
    if DoctorReport(tuple(findings)).ok:
        findings += run_check("collections", lambda: _collections(database, load_encoder))
    return DoctorReport(tuple(findings))


def _collections(database: Database, load_encoder: LoadEncoder | None) -> Iterator[Finding]:
    load = None if load_encoder is None else cache(load_encoder)
    for record in CatalogReader(database).all():
        yield from _collection(database, record, load)
    yield from check_recall(database)


def _collection(
    database: Database, record: CollectionRecord, load: LoadEncoder | None
) -> Iterator[Finding]:
    if record.source is not None:
        yield from check_attached(database, record)
        if not is_readable(database, record):
            return
    yield from check_collection(database, record)
    if load is not None and record.generation.model is not None:
        yield from run_check(record.name, lambda: check_model(record, load))
