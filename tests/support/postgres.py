"""What tests ask of Postgres behind embeddb's back: rows, roles, sessions and catalogs."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import psycopg
from psycopg import conninfo, sql
from psycopg.pq import ExecStatus
from psycopg.rows import TupleRow

Row = tuple[Any, ...]

PASSWORD = "a test's own"


@contextmanager
def session(url: str) -> Iterator[psycopg.Connection[TupleRow]]:
    """Open a session in autocommit mode and close it."""
    with psycopg.connect(url, autocommit=True) as connection:
        yield connection


def rows(
    url: str, statement: str | sql.Composed, values: Sequence[Any] | Mapping[str, Any] | None = None
) -> list[Row]:
    """Run one statement in a session of its own and give its rows, if it has any."""
    with session(url) as connection:
        text = statement if isinstance(statement, sql.Composed) else statement.encode()
        cursor = connection.execute(text, values)
        result = cursor.pgresult
        has_rows = result is not None and result.status == ExecStatus.TUPLES_OK
        return cursor.fetchall() if has_rows else []


def one(url: str, statement: str | sql.Composed, values: Sequence[Any] | None = None) -> Any:  # noqa: ANN401
    """Return the only value of the only row."""
    found = rows(url, statement, values)
    assert len(found) == 1
    assert len(found[0]) == 1
    return found[0][0]


def stored_documents(url: str, name: str, *, schema: str = "embeddb") -> list[Row]:
    """Everything that is stored of a collection's documents, timestamps apart."""
    return rows(
        url,
        sql.SQL(
            "SELECT id, content, metadata, uri, media_type, content_hash FROM {} ORDER BY id"
        ).format(sql.Identifier(schema, name)),
    )


def stored_chunks(url: str, name: str, *, schema: str = "embeddb") -> list[Row]:
    """Everything that is stored of a collection's chunks."""
    return rows(
        url,
        sql.SQL(
            "SELECT id, chunk_no, content, lower(span), upper(span), content_hash, "
            "embedding::text FROM {} ORDER BY id, chunk_no"
        ).format(sql.Identifier(schema, name + "_g1")),
    )


def check_chunks(url: str, name: str) -> None:
    """Check what holds for every collection: whole documents, cut where the spans say."""
    documents = {row[0]: row[1] for row in stored_documents(url, name)}
    numbers: dict[str, list[int]] = {}
    statement = "SELECT id, chunk_no, content, lower(span), upper(span) FROM {} ORDER BY 1, 2"
    chunks = sql.SQL(statement).format(sql.Identifier("embeddb", name + "_g1"))
    for id, number, content, start, stop in rows(url, chunks):
        assert documents[id][start:stop] == content
        numbers.setdefault(id, []).append(number)
    assert numbers.keys() == documents.keys()
    for found in numbers.values():
        assert found == list(range(len(found)))


@contextmanager
def role(url: str, *grants: str) -> Iterator[str]:
    """Return the URL of a new role with nothing but these rights; `{}` in them is its name.

    It may not make temporary tables, which PUBLIC may by default.
    """
    database = urlsplit(url).path[1:]
    name = database + "_role"
    with session(url) as connection:
        create = sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}")
        connection.execute(create.format(sql.Identifier(name), sql.Literal(PASSWORD)))
        revoke = sql.SQL("REVOKE TEMPORARY ON DATABASE {} FROM PUBLIC")
        connection.execute(revoke.format(sql.Identifier(database)))
        try:
            for grant in grants:
                connection.execute(grant.format('"' + name + '"').encode())
            yield with_role(url, name)
        finally:
            connection.execute(sql.SQL("DROP OWNED BY {}").format(sql.Identifier(name)))
            connection.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(name)))


def with_role(url: str, name: str) -> str:
    """Return the URL as another role."""
    return conninfo.make_conninfo(url, user=name, password=PASSWORD)


def count_sessions(url: str) -> int:
    """Count the other sessions of clients on this database."""
    return int(
        one(
            url,
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
            "AND backend_type = 'client backend' AND pid <> pg_backend_pid()",
        )
    )


def all_sessions_end(url: str, seconds: float = 10) -> bool:
    """Return whether the other sessions on this database end soon, which takes a moment."""
    until = time.monotonic() + seconds
    while count_sessions(url):
        if time.monotonic() > until:
            return False
        time.sleep(0.02)
    return True


def terminate(url: str, application: str = "embeddb") -> int:
    """End the sessions of an application on this database, and wait for it; give their number."""
    return len(
        rows(
            url,
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
            "WHERE datname = current_database() AND application_name = %s "
            "AND pid <> pg_backend_pid()",
            [application],
        )
    )


def catalog(url: str, schema: str = "embeddb") -> dict[str, list[Row]]:
    """Describe a schema as Postgres's catalogs have it: equal schemas give equal descriptions."""
    statements = {
        "columns": """
            SELECT table_name, column_name, ordinal_position, data_type, is_nullable,
                   column_default, is_identity, identity_generation
              FROM information_schema.columns WHERE table_schema = %s ORDER BY 1, 3""",
        "constraints": """
            SELECT t.relname, c.conname, pg_get_constraintdef(c.oid)
              FROM pg_constraint c JOIN pg_class t ON t.oid = c.conrelid
             WHERE t.relnamespace = quote_ident(%s)::regnamespace ORDER BY 1, 2""",
        "indexes": "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = %s ORDER BY 1",
        "functions": """
            SELECT p.proname, pg_get_functiondef(p.oid)
              FROM pg_proc p WHERE p.pronamespace = quote_ident(%s)::regnamespace ORDER BY 1, 2""",
    }
    return {label: rows(url, statement, [schema]) for label, statement in statements.items()}


def index_validity(url: str, schema: str = "embeddb") -> dict[str, bool]:
    """Return of every index of a schema whether it is valid."""
    found = rows(
        url,
        "SELECT c.relname, i.indisvalid AND i.indisready FROM pg_index i "
        "JOIN pg_class c ON c.oid = i.indexrelid "
        "WHERE c.relnamespace = quote_ident(%s)::regnamespace",
        [schema],
    )
    return dict(found)
