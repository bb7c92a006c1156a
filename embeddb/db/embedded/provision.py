"""What a fresh server gets before its first client: the database, and pgvector in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg import sql
from psycopg.rows import TupleRow

from embeddb.db.boundary import translated
from embeddb.db.embedded import address, sizing
from embeddb.db.embedded.cluster import Cluster, replace_file
from embeddb.db.embedded.machine import Machine
from embeddb.db.embedded.postmaster import Postmaster
from embeddb.db.queries import query

_SIZED = list(sizing.settings(Machine(memory=0, cores=1, shared=None, disk=0)))


@dataclass(frozen=True, kw_only=True, slots=True)
class Preparation:
    """What the caller does once to each run of the server, before anybody else gets it.

    Attributes:
        stamp: tells one preparation from another, in one line: a newer version's has its own.
        run: called with the URL; it must not mind what is there already.
    """

    stamp: str
    run: Callable[[str], object]


def is_done(cluster: Cluster, process: Postmaster, preparation: Preparation | None) -> bool:
    """Return whether this run of the server was provisioned: one file tells, no connection."""
    done = _done(cluster)
    return process.identity in done and (preparation is None or preparation.stamp in done)


def provision(cluster: Cluster, process: Postmaster, preparation: Preparation | None) -> None:
    """Create the database and the newest pgvector if they are missing; run the preparation."""
    done = _done(cluster)
    if process.identity not in done:
        _provide(cluster, process)
        done = [process.identity]
    if preparation is not None:
        preparation.run(address.url(process, cluster.password_file))
        done.append(preparation.stamp)
    replace_file(_file(cluster), "\n".join(done), 0o644)


def describe(cluster: Cluster, process: Postmaster) -> tuple[str, dict[str, str]]:
    """Return a server's version, and the settings that are sized for it."""
    with _connection(address.url(process, cluster.password_file, "postgres")) as connection:
        rows: list[tuple[str, str]] = connection.execute(
            query("embedded.settings"), {"names": ["server_version", *_SIZED]}
        ).fetchall()
    settings = dict(rows)
    return settings.pop("server_version"), settings


def _provide(cluster: Cluster, process: Postmaster) -> None:
    names = {"database": address.DATABASE}
    with _connection(address.url(process, cluster.password_file, "postgres")) as connection:
        if not connection.execute(query("embedded.database_exists"), names).fetchone():
            database = sql.Identifier(address.DATABASE)
            connection.execute(query("embedded.create_database", database=database), {})
    with _connection(address.url(process, cluster.password_file)) as connection:
        connection.execute(query("embedded.create_extension"), {})
        connection.execute(query("embedded.update_extension"), {})


def _file(cluster: Cluster) -> Path:
    return cluster.data_dir / "provisioned"


def _done(cluster: Cluster) -> list[str]:
    try:
        return _file(cluster).read_text("utf-8").splitlines()
    except FileNotFoundError:
        return []


@contextmanager
def _connection(url: str) -> Iterator[psycopg.Connection[TupleRow]]:
    with translated(), psycopg.connect(url, autocommit=True) as connection:
        yield connection
