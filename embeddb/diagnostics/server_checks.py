"""What `embeddb doctor` looks at in a server: versions, schema, rights, settings."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

from psycopg import sql

from embeddb.db.boundary import translated
from embeddb.db.database import Connection, Database, ServerInfo, describe_server, redact
from embeddb.db.database import check_server as refuse_old
from embeddb.db.migrate import head
from embeddb.db.queries import query
from embeddb.diagnostics.findings import Finding, examine
from embeddb.diagnostics.units import postgres_version, size
from embeddb.schema.privileges import CATALOG

MB = 1024**2
ADVICE = {
    "shared_buffers": (256 * MB, "a quarter of the memory: an index is searched fast from there"),
    "maintenance_work_mem": (64 * MB, "an eighth of the memory: HNSW builds need it"),
    "effective_cache_size": (1024 * MB, "half of the memory: index builds take a part of it"),
}
"""The least that is no reason to worry, and what to set instead."""

LEAST_SHARED_MEMORY = 256 * MB
SHARED_MEMORY = Path("/dev/shm")


def check_server(database: Database) -> Iterator[Finding]:
    """Look at a server as far as it can be reached."""
    with database.dedicated() as connection:
        yield Finding("ok", "server", f"{redact(database.url)} answers")
        yield from _rights(connection, database.schema)
        info = describe_server(connection, database.schema)
        yield from examine("versions", lambda: _versions(info))
        yield from _migration(info, database.schema)
        yield from _settings(connection)


def check_machine() -> Iterator[Finding]:
    """Look at what the embedded server shares with its workers."""
    if not SHARED_MEMORY.is_dir():
        return
    free = shutil.disk_usage(SHARED_MEMORY).free
    message = f"{size(free)} free for parallel index builds"
    if free >= LEAST_SHARED_MEMORY:
        yield Finding("ok", "/dev/shm", message)
    else:
        remedy = "Large HNSW builds will be slow: start the container with --shm-size=1g or more."
        yield Finding("warn", "/dev/shm", message, remedy)


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
        message = f"{schema} is at revision {info.migration}; this embeddb needs {wanted}."
        yield Finding("fail", "schema", message, "embeddb migrate")
    else:
        message = f"{schema} is at revision {info.migration}; this embeddb knows {wanted}."
        yield Finding("fail", "schema", message, "pip install --upgrade embeddb")


def _rights(connection: Connection, schema: str) -> Iterator[Finding]:
    with translated():
        values = {"schema": schema, "catalog": list(CATALOG)}
        row = connection.execute(query("doctor.rights"), values).fetchone()
    assert row is not None  # the query has no FROM that could be empty
    role, may_create_schema, exists, may_use, may_create, may_read = row
    name = sql.Identifier(schema).as_string(None)
    if not exists:
        if may_create_schema:
            yield Finding("ok", "rights", f"{role} may create the schema {schema}")
        else:
            remedy = "Its owner: GRANT CREATE ON DATABASE … TO " + role
            yield Finding("fail", "rights", f"{role} may not create the schema {schema}.", remedy)
    elif not (may_use and may_read):
        remedy = f"Its owner gives what searching {name} needs: embeddb grant reader {role}"
        yield Finding("fail", "rights", f"{role} may not read the schema {schema}.", remedy)
    elif may_create:
        yield Finding("ok", "rights", f"{role} may search and create collections")
    else:
        yield Finding("ok", "rights", f"{role} may search; it may not create collections")


def _settings(connection: Connection) -> Iterator[Finding]:
    with translated():
        rows = connection.execute(query("doctor.memory"), {"names": list(ADVICE)}).fetchall()
    for name, value, count in rows:
        least, advice = ADVICE[name]
        if count >= least:
            yield Finding("ok", name, value)
        else:
            yield Finding("warn", name, f"{value} is little.", f"Set it to {advice}.")
