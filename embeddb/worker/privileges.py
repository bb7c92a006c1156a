"""What a worker's role must be allowed: checked before the work, not found out row by row."""

from __future__ import annotations

from embeddb.db.database import Connection
from embeddb.errors import PermissionDeniedError
from embeddb.repository.attached.binding import check_view
from embeddb.repository.roles.privileges import can_write_chunks, current_role, lacking
from embeddb.repository.roles.source_privileges import hides_chunks, needs_of
from embeddb.schema import privileges
from embeddb.schema.catalog import CollectionRecord
from embeddb.schema.privileges import Level, RoleProfile

ANSWER_TABLES = ("encode_requests", "encoded_queries")
"""Tables that a worker needs only if it answers the texts of SQL functions."""


def check_queue(connection: Connection, schema: str, *, answers: bool) -> None:
    """Check that the role may use the queue, and answer texts if it is to.

    Raises:
        PermissionDeniedError: it may not; the message has the command that grants it.
    """
    wanted = privileges.needs(RoleProfile(marks={"worker"}), [])
    del wanted["TABLE", privileges.EVERY]  # a worker of some collections has no privilege there
    for name in () if answers else ANSWER_TABLES:
        del wanted["TABLE", name]
    missing = lacking(connection, schema, wanted)
    if missing:
        role = current_role(connection)
        raise PermissionDeniedError(
            f"Role {role} may not work: it lacks {', '.join(missing)}. The schema's owner gives "
            f"it all that a worker needs: embeddb grant worker {role}"
        )


def check_collection(connection: Connection, schema: str, record: CollectionRecord) -> None:
    """Check that the role may work for a collection.

    Raises:
        SourceChangedError: the view that reads the rows is gone, which no privilege mends.
        PermissionDeniedError: it may not; the message has what grants it.
    """
    check_view(connection, record)
    role = current_role(connection)
    wanted = privileges.needs(RoleProfile(levels={record.name: Level.WRITE}), [record])
    own = set(privileges.collection_things(record))
    wanted = {thing: some for thing, some in wanted.items() if thing[1] in own}
    missing = lacking(connection, schema, wanted)
    if missing:
        raise PermissionDeniedError(
            f"Role {role} may not work for {record.name!r}: it lacks {', '.join(missing)}. The "
            f"schema's owner gives it: embeddb grant worker {role} --collection '{record.name}'"
        )
    assert record.source is not None  # workers work for attached collections
    for source in record.source.tables_read:
        needs = needs_of(connection, role, source, sees_all=True)
        if needs:
            raise PermissionDeniedError(
                f"{needs[0].reason} The owner of {source.table_text} gives it: {needs[0].text};"
            )
    if not can_write_chunks(connection, record.tables):
        raise PermissionDeniedError(
            f"Role {role} may make no temporary tables, which it writes the chunks of "
            f"{record.name!r} by, since policies hide them: embeddb grant worker {role} gives it "
            "that, if run as the owner of the database."
        )
    if hides_chunks(connection, role, record.tables):
        raise PermissionDeniedError(
            f"Row-level security hides chunks of {record.name!r} from {role}. The schema's owner "
            f"gives it a policy: embeddb grant worker {role}"
        )
