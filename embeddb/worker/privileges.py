"""What a worker's role must be allowed: looked at when it starts, not found out row by row."""

from __future__ import annotations

from embeddb.db.database import Connection
from embeddb.db.queries import query
from embeddb.errors import PermissionDeniedError
from embeddb.repository.roles.privileges import lacking, owns_chunks
from embeddb.repository.roles.source_privileges import hides_chunks, needs_of
from embeddb.schema import privileges
from embeddb.schema.catalog import CollectionRecord
from embeddb.schema.privileges import Level, RoleProfile

ANSWERS = ("encode_requests", "encoded_queries")
"""What only a worker uses that answers the texts of SQL functions."""


def check_shared(connection: Connection, schema: str, *, answers: bool) -> None:
    """See to it that the role may use the queue at all, and answer texts where it is to.

    Raises:
        PermissionDeniedError: it may not; the message says what gives it that.
    """
    wanted = privileges.needs(RoleProfile(marks={"worker"}), [])
    del wanted["TABLE", privileges.EVERY]  # a worker of some collections has nothing there
    for name in () if answers else ANSWERS:
        del wanted["TABLE", name]
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
    wanted = privileges.needs(RoleProfile(levels={record.name: Level.WRITE}), [record])
    own = set(privileges.collection_things(record))
    wanted = {thing: some for thing, some in wanted.items() if thing[1] in own}
    missing = lacking(connection, schema, wanted)
    if missing:
        return PermissionDeniedError(
            f"Role {role} may not work for {record.name!r}: it lacks {', '.join(missing)}. The "
            f"schema's owner gives it: embeddb grant worker {role} --collection '{record.name}'"
        )
    assert record.source is not None  # workers work for attached collections
    needs = needs_of(connection, role, record.source, sees_all=True)
    if needs:
        return PermissionDeniedError(
            f"{needs[0].reason} The owner of {record.source.table_text} gives it: {needs[0].text};"
        )
    if not _stages(connection, record):
        return PermissionDeniedError(
            f"Role {role} may make no temporary tables, which it writes the chunks of "
            f"{record.name!r} by, since policies hide them: embeddb grant worker {role} gives it "
            "that, if run as the owner of the database."
        )
    if hides_chunks(connection, role, record.tables):
        return PermissionDeniedError(
            f"Row-level security hides chunks of {record.name!r} from {role}. The schema's owner "
            f"gives it a policy: embeddb grant worker {role}"
        )
    return None


def builds(connection: Connection, record: CollectionRecord) -> bool:
    """Return whether the role may build the collection's indexes, which only its owner may."""
    return owns_chunks(connection, record.tables)


def _stages(connection: Connection, record: CollectionRecord) -> bool:
    values = {"chunks": record.tables.chunks_text}
    row = connection.execute(query("privileges.stages"), values).fetchone()
    return row is None or bool(row[0])


def _role(connection: Connection) -> str:
    row = connection.execute(query("privileges.current"), {}).fetchone()
    assert row is not None  # there is always a role
    return str(row[0])
