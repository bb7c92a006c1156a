"""What a server must be, and what is shown of where it is."""

from __future__ import annotations

from dataclasses import replace

import pytest

from embeddb.db.address import place_of
from embeddb.db.database import ServerInfo, check_server, pgvector_version
from embeddb.db.pooled import PooledDatabase
from embeddb.errors import ConfigurationError, UnsupportedServerError

GOOD = ServerInfo(
    version=180006,
    pgvector="0.8.6",
    pgvector_schema="public",
    available_pgvector="0.8.6",
    migration=None,
)


@pytest.mark.parametrize(
    ("info", "words"),
    [
        (replace(GOOD, version=130022), ("PostgreSQL 13", "14 or newer")),
        (replace(GOOD, pgvector=None), ("CREATE EXTENSION vector",)),
        (replace(GOOD, pgvector=None, available_pgvector=None), ("package is not on the server",)),
        (replace(GOOD, pgvector="0.8.3"), ("0.8.3", "ALTER EXTENSION vector UPDATE")),
        (replace(GOOD, pgvector="0.7.4"), ("0.7.4", "0.8.4 or newer")),
    ],
)
def test_a_server_that_is_too_old_is_refused_with_a_remedy(
    info: ServerInfo, words: tuple[str, ...]
) -> None:
    with pytest.raises(UnsupportedServerError) as caught:
        check_server(info)
    assert all(word in str(caught.value) for word in words)


@pytest.mark.parametrize("version", ["0.8.4", "0.8.6", "0.9.0", "0.10.0", "1.0"])
def test_a_server_that_is_new_enough_is_taken(version: str) -> None:
    check_server(replace(GOOD, version=140000, pgvector=version))


def test_versions_compare_as_numbers() -> None:
    assert pgvector_version("0.10.0") > pgvector_version("0.9.9")
    assert pgvector_version("0.8.4") == (0, 8, 4)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://me:secret@db.example:5433/mine", "db.example/mine"),
        ("host=db.example password=secret user=me", "db.example/me"),
        ("postgresql:///mine?password=secret", "local socket/mine"),
        ("postgresql://[secret", "(malformed connection string)"),
    ],
)
def test_a_url_is_shown_without_its_password(url: str, shown: str) -> None:
    assert place_of(url) == shown


def test_a_database_shows_no_password() -> None:
    assert "secret" not in repr(PooledDatabase("postgresql://me:secret@db.example/mine"))


def test_a_malformed_url_is_refused_before_anything_is_opened() -> None:
    with pytest.raises(ConfigurationError, match="malformed"):
        PooledDatabase("host=a b=c")
