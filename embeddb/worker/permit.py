"""What a worker's role must be allowed: looked at when it starts, not found out row by row."""

from __future__ import annotations

from embeddb.db.database import Connection
from embeddb.db.queries import query
from embeddb.errors import PermissionDeniedError
from embeddb.repository.rights import lacking, owns_chunks
from embeddb.repository.source_rights import needs_of
from embeddb.schema import rights
from embeddb.schema.catalog import CollectionRecord
from embeddb.schema.rights import Level, Standing


def check_shared(connection: Connection, schema: str) -> None:
    """See to it that the role may use the queue at all.

    Raises:
        PermissionDeniedError: it may not; the message says what gives it that.
    """
    wanted = rights.needs(Standing(marks={"worker"}), [])
    del wanted["TABLE", rights.EVERY]  # a worker of some collections has nothing there
    missing = lacking(connection, schema, wanted)
    if missing:
        role = _role(connection)
        raise PermissionDeniedError(
            f"Role {role} may not work: it lacks {', '.join(missing)}. The schema's owner gives "
            f"it all that a worker needs: embeddb grant worker {role}"
        )


def refusal(
    connection: Connection, schema: str, record: CollectionRecord
) -> PermissionDeniedError | None:
    """Say why the role cannot work for a collection, and what would let it; None: it can."""
    role = _role(connection)
    wanted = rights.needs(Standing(levels={record.name: Level.WRITE}), [record])
    missing = lacking(connection, schema, wanted)
    if missing:
        return PermissionDeniedError(
            f"Role {role} may not work for {record.name!r}: it lacks {', '.join(missing)}. The "
            f"schema's owner gives it: embeddb grant worker {role} --collection '{record.name}'"
        )
    assert record.source is not None  # workers work for attached collections
    for need in needs_of(connection, role, record.source, sees_all=True):
        return PermissionDeniedError(
            f"{need.reason} The owner of {record.source.table_text} gives it: {need.text};"
        )
    return None


def builds(connection: Connection, record: CollectionRecord) -> bool:
    """Say whether the role may build indexes for a collection, which takes its owner's rights."""
    return owns_chunks(connection, record.tables)


def _role(connection: Connection) -> str:
    row = connection.execute(query("rights.current"), {}).fetchone()
    assert row is not None  # there is always a role
    return str(row[0])
