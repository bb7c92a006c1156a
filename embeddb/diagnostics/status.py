"""The state of a database as data: its server, its collections, its workers."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from embeddb.db.address import place_of
from embeddb.db.database import Database
from embeddb.diagnostics.describe import CollectionStatus, describe
from embeddb.diagnostics.server_checks import is_embedded
from embeddb.diagnostics.units import postgres_version
from embeddb.repository.catalog.reader import CatalogReader
from embeddb.repository.queue.workers import WorkerInfo, Workers


@dataclass(frozen=True, kw_only=True, slots=True)
class DatabaseStatus:
    """Where a store is, and on what.

    Attributes:
        server: the host and the database's name, without a password.
        embedded: whether it is the embedded server.
        postgres: PostgreSQL's version.
        pgvector: the extension's version.
        schema: where embeddb's tables are.
        revision: what that schema was migrated to.
    """

    server: str
    embedded: bool
    postgres: str
    pgvector: str | None
    schema: str
    revision: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class StoreStatus:
    """What there is in a database; `dataclasses.asdict` is ready for JSON.

    Attributes:
        server: the server and embeddb's schema.
        collections: every collection, by name.
        workers: those that are at work, as they last reported.
    """

    server: DatabaseStatus
    collections: tuple[CollectionStatus, ...]
    workers: tuple[WorkerInfo, ...]


def read_status(database: Database, data_dir: Path) -> StoreStatus:
    """Return what there is in a database.

    Args:
        database: the database to look at.
        data_dir: where the embedded server keeps its data, to know whether it is that server.
    """
    info = database.server
    return StoreStatus(
        server=DatabaseStatus(
            server=place_of(database.url),
            embedded=is_embedded(database.url, data_dir),
            postgres=postgres_version(info.version),
            pgvector=info.pgvector,
            schema=database.schema,
            revision=info.migration,
        ),
        collections=tuple(describe(database, record) for record in CatalogReader(database).all()),
        workers=tuple(Workers(database).all()),
    )
