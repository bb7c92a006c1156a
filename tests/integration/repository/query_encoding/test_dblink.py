"""Handing texts to workers where the schema's owner is no superuser: with a password."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import conninfo

import embeddb
from embeddb.db import embedded
from embeddb.repository.query_encoding.dblink import set_up_serving
from tests.conftest import RunCLI
from tests.support.encoders import HashEncoder
from tests.support.postgres import one, rows
from tests.support.query_workers import answering

SEARCH = "SELECT id, encoder FROM embeddb.docs_search(%s, 1)"


@pytest.fixture
def owner(server_folder: Path) -> Iterator[str]:
    """The URL of a role that owns a database, on a server that asks for passwords by TCP."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    folder = server_folder / "data"
    folder.mkdir()
    hba = folder / "hba.conf"
    hba.write_text("local all all trust\nhost all all 127.0.0.1/32 scram-sha-256\n")
    hba.chmod(0o644)
    (folder / "user.conf").write_text(
        f"hba_file = '{hba}'\nlisten_addresses = '127.0.0.1'\nport = {port}\nfsync = off\n"
    )
    try:
        root = embedded.start(folder).url
        ROOT_URLS[str(port)] = root
        rows(root, "CREATE ROLE boss LOGIN CREATEROLE PASSWORD 'boss'")
        rows(root, "CREATE DATABASE app OWNER boss")
        app = conninfo.make_conninfo(root, dbname="app")
        rows(app, "CREATE EXTENSION vector")
        rows(app, "CREATE EXTENSION dblink")
        yield conninfo.make_conninfo(
            dbname="app", user="boss", password="boss", host="127.0.0.1", port=port
        )
    finally:
        embedded.stop(folder)


def test_an_owner_who_is_no_superuser_sets_it_up(owner: str, run_cli: RunCLI) -> None:
    embeddb.migrate(owner)
    with embeddb.connect(owner) as store:
        docs = store.create_collection("docs", model=HashEncoder())
        docs.add([("a", "a cat"), ("b", "a dog")])
        with answering(store, HashEncoder()):
            with pytest.raises(psycopg.Error, match="not set up") as caught:
                rows(owner, SEARCH, ["a cat"])
            assert "serve-setup" in (caught.value.diag.message_hint or "")
            refused = run_cli("sql-encoder", "serve-setup", "--host", "127.0.0.1", dsn=owner)
            assert refused.returncode == 1
            assert "dblink_fdw" in refused.stderr
    # what only a superuser may
    _as_root(owner, "GRANT USAGE ON FOREIGN DATA WRAPPER dblink_fdw TO boss")
    done = run_cli("sql-encoder", "serve-setup", "--host", "127.0.0.1", dsn=owner)
    assert done.returncode == 0, done.stderr
    with embeddb.connect(owner) as store, answering(store, HashEncoder()):
        assert rows(owner, SEARCH, ["a cat"]) == [("a", "worker")]
        set_up_serving(store.database, host="127.0.0.1")  # once more: another password
        assert rows(owner, SEARCH, ["a dog"]) == [("b", "worker")]
    may = "SELECT has_table_privilege('embeddb_encode', 'embeddb.docs', 'SELECT')"
    assert one(owner, may) is False


def _as_root(owner: str, statement: str) -> None:
    parts = conninfo.conninfo_to_dict(owner)
    root = ROOT_URLS[str(parts["port"])]
    rows(conninfo.make_conninfo(root, dbname="app"), statement)


ROOT_URLS: dict[str, str] = {}
