"""The doctor's checks of a server: versions, schema, privileges, memory."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from psycopg import conninfo

from embeddb.db import embedded
from embeddb.db.address import place_of
from embeddb.db.database import Connection, Database, ServerInfo, describe_server
from embeddb.db.database import check_server as refuse_old
from embeddb.db.migrate import head
from embeddb.diagnostics.findings import Finding, run_check
from embeddb.diagnostics.units import postgres_version, size
from embeddb.errors import EmbedDBError
from embeddb.repository.server import memory_settings, schema_privileges

MB = 1024**2
MEMORY = {
    "shared_buffers": (256 * MB, "a quarter of the machine's memory, which keeps indexes there"),
    "maintenance_work_mem": (64 * MB, "an eighth of the machine's memory, which HNSW builds need"),
    "effective_cache_size": (1024 * MB, "half of the machine's memory: builds are sized by it"),
}
"""The least that each setting may be without a warning, and what the warning advises."""

LEAST_SHARED_MEMORY = 256 * MB
SHARED_MEMORY = Path("/dev/shm")


def check_server(database: Database) -> Iterator[Finding]:
    """Yield what can be learned of a server, as far as it can be reached.

    Raises:
        DatabaseUnavailableError: no server answers.
    """
    with database.dedicated() as connection:
        yield Finding("ok", "server", f"{place_of(database.url)} answers")
        yield from _privileges(connection, database.schema)
        info = describe_server(connection, database.schema)
        yield from run_check("versions", lambda: _versions(info))
        yield from _migration(info, database.schema)
        yield from _memory(connection)


def check_machine() -> Iterator[Finding]:
    """Yield how much shared memory this machine has for parallel index builds."""
    if not SHARED_MEMORY.is_dir():
        return
    free = shutil.disk_usage(SHARED_MEMORY).free
    message = f"{size(free)} free for parallel index builds"
    if free >= LEAST_SHARED_MEMORY:
        yield Finding("ok", "/dev/shm", message)
    else:
        remedy = "Large HNSW builds will be slow. Start the container with --shm-size=1g or more."
        yield Finding("warn", "/dev/shm", message, remedy)


def is_embedded(url: str, data_dir: Path) -> bool:
    """Return whether a URL leads to the embedded server of a data folder."""
    try:
        own = embedded.status(data_dir).url
    except EmbedDBError:  # it is not installed, or its folder is somebody else's
        return False
    return own is not None and _address(own) == _address(url)


def _address(url: str) -> tuple[Any, Any]:
    parts = conninfo.conninfo_to_dict(url)
    return parts.get("host"), parts.get("port")


def _versions(info: ServerInfo) -> Iterator[Finding]:
    refuse_old(info)
    yield Finding("ok", "PostgreSQL", postgres_version(info.version))
    yield Finding("ok", "pgvector", f"{info.pgvector} in schema {info.pgvector_schema}")


def _migration(info: ServerInfo, schema: str) -> Iterator[Finding]:
    wanted = head()
    if info.migration == wanted:
        yield Finding("ok", "schema", f"{schema} is at revision {wanted}, the newest")
    elif info.migration is None:
        yield Finding("fail", "schema", f"There is no schema {schema}.", "embeddb migrate")
    elif info.migration < wanted:
        message = (
            f"Schema {schema} is at revision {info.migration}, and this version of embeddb needs "
            f"{wanted}."
        )
        yield Finding("fail", "schema", message, "embeddb migrate")
    else:
        message = (
            f"Schema {schema} is at revision {info.migration}, which this version of embeddb does "
            f"not know: its newest is {wanted}."
        )
        yield Finding("fail", "schema", message, "pip install --upgrade embeddb")


def _privileges(connection: Connection, schema: str) -> Iterator[Finding]:
    found = schema_privileges(connection, schema)
    subject, role = "rights", found.role
    if not found.exists:
        if found.may_create_schema:
            yield Finding("ok", subject, f"{role} may create the schema {schema}")
        else:
            remedy = f"The database's owner runs: GRANT CREATE ON DATABASE … TO {role}"
            yield Finding("fail", subject, f"{role} may not create the schema {schema}.", remedy)
    elif not (found.may_use and found.may_read):
        remedy = f"The schema's owner runs: embeddb grant reader {role}"
        yield Finding("fail", subject, f"{role} may not read the schema {schema}.", remedy)
    elif found.may_create:
        yield Finding("ok", subject, f"{role} may search and create collections")
    else:
        yield Finding("ok", subject, f"{role} may search, but not create collections")


def _memory(connection: Connection) -> Iterator[Finding]:
    for setting in memory_settings(connection, list(MEMORY)):
        least, advice = MEMORY[setting.name]
        if setting.bytes >= least:
            yield Finding("ok", setting.name, setting.value)
        else:
            yield Finding("warn", setting.name, f"{setting.value} is low.", f"Set it to {advice}.")
