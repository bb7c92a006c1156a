"""No text shows a password, however it is written."""

from __future__ import annotations

import traceback

import pytest

from embeddb.errors import ConfigurationError
from embeddb.redaction import redact


@pytest.mark.parametrize(
    "text",
    [
        "postgresql+psycopg://app:s3cret@db.example/x",
        'missing "=" after "postgres://app:s3cret@db.example/x" in connection info string',
        "postgresql://app:s3/cr@et#s3cret@db.example/x is odd",
        "postgresql://app:%73s3cret%40@db.example/x",
        "postgresql://db.example/x?user=app&password=s3cret&sslmode=require",
        "host=db.example password=s3cret user=app",
        "host=db.example password = 's3cr et\\' s3cret' user=app",
        "{'host': 'db', 'password': 's3cret'}",
        '{"password": "s3cret"}',
        "PGPASSWORD=s3cret psql",
        "sslpassword=s3cret",
        "https://app:s3cret@proxy.example:8080/",
    ],
)
def test_a_password_is_not_shown_and_the_rest_is(text: str) -> None:
    shown = redact(text)
    assert "s3cr" not in shown
    assert "***" in shown
    for kept in ("db.example", "proxy.example", "user=app", "sslmode=require"):
        assert (kept in shown) == (kept in text)


@pytest.mark.parametrize(
    "text",
    [
        "postgresql://app@db.example:5432/x answers",
        "http://localhost:11434/v1 has no such model: nomic@768",
        "password authentication failed for user app",
        "Write it to me@db.example",
    ],
)
def test_what_is_no_password_stays(text: str) -> None:
    assert redact(text) == text


def test_every_error_of_embeddb_s_is_redacted() -> None:
    try:
        raise ConfigurationError("The URL postgresql://app:s3cret@db/x is wrong.")
    except ConfigurationError as error:
        written = "".join(traceback.format_exception(error)) + repr(error)
    assert "postgresql://app:***@db/x" in written
