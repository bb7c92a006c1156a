"""How a server reaches itself to hand texts to workers.

A request must be committed before a worker can see it, and a function cannot commit. It therefore
hands the text over on a second connection to its own server, which dblink opens. What that needs
where the schema's owner is no superuser is a role, a foreign server and a user mapping.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from psycopg import sql

from embeddb.db.database import Connection, Database
from embeddb.db.queries import Name, Value, query
from embeddb.errors import ConfigurationError


@dataclass(frozen=True, kw_only=True, slots=True)
class ServeSetup:
    """What was set up.

    Attributes:
        role: who connects.
        owner: as whom the functions run.
        server: the name of the foreign server.
        host: where the server reaches itself.
        port: the port there.
    """

    role: str
    owner: str
    server: str
    host: str
    port: str


def set_up_serving(
    database: Database, *, role: str | None = None, host: str = "localhost", port: int | None = None
) -> ServeSetup:
    """Let SQL functions hand texts to workers, with the fewest privileges, whoever owns them.

    It is needed only where the owner of the schema is no superuser, or where the server does not
    let its own user in by its socket.

    Args:
        database: where the functions are.
        role: who is to connect; it is created, or given a new password; None: `<schema>_encode`.
        host: where the server reaches itself; it must ask for a password there.
        port: the port there; None: the server's own.

    Raises:
        ConfigurationError: dblink is not installed.
        PermissionDeniedError: the role may not do this.
    """
    name = database.schema + "_encode"
    with database.transaction() as connection:
        row = connection.execute(query("dblink.has_dblink"), {}).fetchone()
        if row is None or not row[0]:
            raise ConfigurationError(
                "The extension dblink is not installed. As a role that may: CREATE EXTENSION "
                "dblink; and for an owner who is no superuser: GRANT USAGE ON FOREIGN DATA "
                "WRAPPER dblink_fdw TO the owner;"
            )
        found = connection.execute(query("dblink.owner"), {"schema": database.schema}).fetchone()
        assert found is not None  # a store opens only on a migrated schema, which has the function
        owner, _, own_port, dbname = found
        done = ServeSetup(
            role=role or name, owner=owner, server=name, host=host, port=str(port or own_port)
        )
        password = secrets.token_urlsafe(24)
        _set_up_role(connection, database.schema, done.role, password)
        _set_up_server(connection, done, dbname, password)
    return done


def _set_up_role(connection: Connection, schema: str, role: str, password: str) -> None:
    row = connection.execute(query("dblink.has_role"), {"role": role}).fetchone()
    verb = "alter_role" if row and row[0] else "create_role"
    # hashed here, so that the password itself is in no log of statements
    hashed = connection.pgconn.encrypt_password(password.encode(), role.encode(), b"scram-sha-256")
    parts: dict[str, sql.Composable] = {"role": Name(role)}
    made = query("dblink." + verb, password=Value(hashed.decode()), **parts)
    connection.execute(made, {})
    connection.execute(query("dblink.grant_schema", schema=Name(schema), **parts), {})
    requests = Name(schema, "encode_requests")
    connection.execute(query("dblink.grant_requests", requests=requests, **parts), {})


def _set_up_server(connection: Connection, done: ServeSetup, dbname: str, password: str) -> None:
    server = Name(done.server)
    connection.execute(query("dblink.drop_server", server=server), {})
    place = {"host": done.host, "port": done.port, "dbname": dbname}
    options = {name: Value(value) for name, value in place.items()}
    connection.execute(query("dblink.create_server", server=server, **options), {})
    connection.execute(
        query(
            "dblink.create_mapping",
            server=server,
            owner=Name(done.owner),
            user=Value(done.role),
            password=Value(password),
        ),
        {},
    )
