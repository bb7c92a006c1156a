"""Addresses as users write them name one database, and show no password."""

from __future__ import annotations

import traceback

import pytest
import sqlalchemy as sa
from psycopg.conninfo import conninfo_to_dict

from embeddb.db.address import libpq_address
from embeddb.db.pooled import PooledDatabase
from embeddb.errors import ConfigurationError
from embeddb.sources import Query

PLAIN = "postgresql://app:p%40ss%2F@db.example:5433/x"


@pytest.mark.parametrize(
    "written",
    [
        PLAIN,
        PLAIN.replace("postgresql:", "postgres:"),
        *(PLAIN.replace(":", f"+{driver}:", 1) for driver in ("psycopg", "asyncpg", "psycopg2")),
        PLAIN.replace("postgresql:", "PostgreSQL+psycopg_async:"),
        f"  {PLAIN}\n",
        PLAIN + "?prepared_statement_cache_size=0&pgbouncer=true",
        PLAIN.replace(":", "+asyncpg:", 1) + "?command_timeout=5",
    ],
)
def test_a_url_for_any_driver_names_the_same_database(written: str) -> None:
    assert conninfo_to_dict(libpq_address(written)) == conninfo_to_dict(PLAIN)


@pytest.mark.parametrize(
    ("written", "means"),
    [
        ("postgresql+asyncpg://h/x?ssl=require", {"sslmode": "require"}),
        ("postgresql+asyncpg://h/x?ssl=True", {"sslmode": "require"}),
        ("postgresql+asyncpg://h/x?ssl=verify-full&timeout=3", {"sslmode": "verify-full"}),
        ("postgresql://h/x?ssl=disable", {"sslmode": "disable"}),
        ("postgresql://h/x?sslmode=require&ssl=true", {"sslmode": "require"}),
        ("postgresql+psycopg:///x?host=a:1&host=b:2", {"host": "a,b", "port": "1,2"}),
        ("postgresql+psycopg:///x?host=/tmp&application_name=a+b", {"application_name": "a b"}),
        ("postgresql://h/x?application_name=a+b", {"application_name": "a+b"}),
        ("host=h password='a b' dbname=x", {"password": "a b"}),
    ],
)
def test_parameters_are_read_as_the_driver_reads_them(written: str, means: dict[str, str]) -> None:
    fields = conninfo_to_dict(libpq_address(written))
    assert {name: fields[name] for name in means} == means
    assert fields["dbname"] == "x"


def test_a_url_of_libpq_s_own_stays_as_it_is() -> None:
    written = "postgresql://app@:5432/x?host=/tmp/a%20b&options=-c%20geqo%3Doff"
    assert libpq_address(written) == written
    assert PooledDatabase(written).url == written


def test_a_url_object_of_sqlalchemy_s_is_taken_with_its_password() -> None:
    url = sa.URL.create(
        "postgresql+asyncpg", "app", "p@:/?#% +ss", "db.example", 5433, "x", {"ssl": "require"}
    )
    fields = conninfo_to_dict(PooledDatabase(url).url)
    assert fields["password"] == "p@:/?#% +ss"
    assert fields["sslmode"] == "require"


SECRET = "s3cret"

MALFORMED = [
    f"mysql://app:{SECRET}@db.example/x",
    f"postgresql+psycopg://app:{SECRET}@db.example/x?no_such=1",
    f"postgresql://app:{SECRET}@db.example:port/x",
    f"postgresql://app:{SECRET}/{SECRET}@db.example/x",
    f"postgresql://app:@{SECRET}@db.example/x",
    f"postgresql://app:{SECRET}%zz@db.example/x",
    f"postgresql://app:x?/{SECRET}@db.example/x",
    f"host=db.example password={SECRET} {SECRET}",
    f"host=db.example {SECRET}=1",
    f"postgresql://[{SECRET}",
    SECRET,
]


@pytest.mark.parametrize("written", MALFORMED)
def test_what_is_malformed_is_refused_without_a_word_of_it(written: str) -> None:
    for refused in (PooledDatabase, lambda url: list(Query(url, "notes").documents())):
        with pytest.raises(Exception, match="connection string is malformed") as caught:
            refused(written)
        assert SECRET not in "".join(traceback.format_exception(caught.value))


def test_a_parameter_that_nobody_knows_is_named() -> None:
    with pytest.raises(ConfigurationError, match="'sslmod'"):
        libpq_address("postgresql://h/x?sslmod=require")


def test_what_holds_an_address_shows_no_password() -> None:
    url = f"postgresql://app:{SECRET}@db.example/x"
    assert SECRET not in repr(PooledDatabase(url)) + repr(Query(url, "notes"))
