"""Fixtures for tests of applications; pytest imports this in every run, so it imports little."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from embeddb.collection import Collection
    from embeddb.store import Store


@pytest.fixture(scope="session")
def embeddb_server() -> str:
    """The URL of a server for tests: that of EMBEDDB_TEST_DSN, or the embedded one."""
    from embeddb.config import Settings
    from embeddb.db import embedded

    settings = Settings.from_environment()
    return settings.test_dsn or embedded.start(settings.data_dir).url


@pytest.fixture
def embeddb_database(embeddb_server: str) -> Iterator[str]:
    """The URL of a new database with embeddb's schema, which is dropped after the test."""
    import psycopg
    from psycopg import sql

    import embeddb
    from embeddb.db.address import libpq_address

    server = libpq_address(embeddb_server)
    name = "embeddb_test_" + uuid.uuid4().hex
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        try:
            url = _with_database(server, name)
            embeddb.migrate(url)
            yield url
        finally:
            drop = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)")
            connection.execute(drop.format(sql.Identifier(name)))


@pytest.fixture
def embeddb_store(embeddb_database: str) -> Iterator[Store]:
    """An open store on a database of the test's own."""
    import embeddb

    with embeddb.connect(embeddb_database) as store:
        yield store


@pytest.fixture
def embeddb_collection(embeddb_store: Store) -> Callable[..., Collection]:
    """Create a collection with the model for tests: a name, documents, fields of the embedding."""
    from embeddb.testing import MODEL

    def create(
        name: str,
        documents: Iterable[Any] = (),
        **fields: Any,  # noqa: ANN401  # what create_collection takes
    ) -> Collection:
        collection = embeddb_store.create_collection(name, **({"model": MODEL} | fields))
        collection.add(list(documents))
        return collection

    return create


def _with_database(url: str, name: str) -> str:
    from urllib.parse import urlsplit

    from psycopg import conninfo

    if "://" in url:
        return urlsplit(url)._replace(path="/" + name).geturl()
    return conninfo.make_conninfo(url, dbname=name)
