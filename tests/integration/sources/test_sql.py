"""Rows of a database as documents."""

from __future__ import annotations

from decimal import Decimal
from itertools import islice

import psycopg
import pytest

from embeddb.errors import SourceError
from embeddb.sources import Query
from tests.support.sources import read

ROWS = (
    "SELECT n AS id, 'text ' || n AS content, n %% 2 = 0 AS even, now() AS seen "
    "FROM generate_series(1, %(last)s) AS n ORDER BY n"
)


def test_rows_become_documents(server_url: str) -> None:
    documents, failures = read(Query(server_url, ROWS, params={"last": 3}))
    assert failures == []
    assert list(documents) == ["1", "2", "3"]
    assert documents["2"].content == "text 2"
    assert documents["2"].metadata["even"] is True
    assert isinstance(documents["2"].metadata["seen"], str)


def test_rows_are_streamed(server_url: str) -> None:
    endless = "SELECT generate_series(1, 1000000000000000) AS id, 'x' AS content"
    with psycopg.connect(server_url) as connection:
        documents = list(islice(Query(connection, endless).documents(), 2_500))
    assert len(documents) == 2_500


def test_a_table_is_named_without_sql(empty_database: str) -> None:
    with psycopg.connect(empty_database) as connection:
        connection.execute("CREATE SCHEMA shop")
        connection.execute('CREATE TABLE shop."Notes" (id uuid, content text, embedding text)')
        connection.execute(
            """INSERT INTO shop."Notes"
            VALUES (gen_random_uuid(), 'x', '[1, 2]'), (NULL, 'y', '')"""
        )
        documents, (failure,) = read(Query(connection, "shop.Notes"))
        (document,) = documents.values()
        assert document.embedding is not None
        assert document.embedding.tolist() == [1.0, 2.0]
        assert (failure.id, failure.error) == ("row 2", "InvalidDocumentError")
        assert not connection.closed


@pytest.mark.parametrize("autocommit", [True, False])
def test_the_callers_connection_is_left_as_it_was(server_url: str, autocommit: bool) -> None:
    with psycopg.connect(server_url, autocommit=autocommit) as connection:
        read(Query(connection, "SELECT 1 AS id, 'x%' AS content"))
        assert connection.info.transaction_status == psycopg.pq.TransactionStatus.IDLE


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("no_such_table", "refused the query"),
        ("SELECT nonsense FROM", "refused the query"),
        ("SELECT 1 AS key, 'x' AS content", "no column 'id'.*content, key"),
        ("SELECT 1 / (3 - n) AS id, 'x' AS content FROM generate_series(1, 5) n", "by zero"),
    ],
)
def test_a_wrong_query_is_a_source_error(server_url: str, query: str, message: str) -> None:
    with pytest.raises(SourceError, match=message):
        list(Query(server_url, query).documents())


@pytest.mark.parametrize("url", ["postgresql://127.0.0.1:1/nothing", "not a url"])
def test_a_database_that_does_not_answer_is_a_source_error(url: str) -> None:
    with pytest.raises(SourceError, match="cannot be reached"):
        list(Query(url, "notes").documents())


ODD_VALUES = [
    ("'infinity'::date", "infinity"),
    ("'0044-03-15 BC'::date", "0044-03-15 BC"),
    ("'20000-01-01'::timestamp", "20000-01-01 00:00:00"),
    ("'-infinity'::timestamptz", "-infinity"),
    ("ARRAY['infinity'::date, '2020-01-02'::date]", ["infinity", "2020-01-02"]),
    ("'24:00'::time", "24:00:00"),
    ("'2 hours'::interval", 7200.0),
    ("int4range(1, 5)", "[1,5)"),
    ("tsrange('2020-01-01', 'infinity')", '["2020-01-01 00:00:00",infinity)'),
    ("'{[1,3),[5,7)}'::int4multirange", "{[1,3),[5,7)}"),
    ("ROW(1, 'x')", ["1", "x"]),
    ("'10.0.0.1'::inet", "10.0.0.1"),
    ("123456789012345678901234::numeric", 123456789012345678901234),
    ("0.12345678901234567890::numeric", Decimal("0.12345678901234567890")),
    ("""'{"a": 123456789012345678901234}'::jsonb""", {"a": 123456789012345678901234}),
]


@pytest.mark.parametrize(("value", "expected"), ODD_VALUES)
def test_a_value_that_python_lacks_ends_nothing(
    server_url: str, value: str, expected: object
) -> None:
    query = f"SELECT n AS id, 'x' AS content, {value} AS v FROM generate_series(1, 2) AS n"
    documents, failures = read(Query(server_url, query))
    assert failures == []
    assert [document.metadata for document in documents.values()] == [{"v": expected}] * 2


def test_bytes_fail_their_own_row(server_url: str) -> None:
    query = (
        "SELECT n AS id, 'x' AS content, CASE n WHEN 1 THEN '\\xff'::bytea END AS v "
        "FROM generate_series(1, 2) AS n"
    )
    documents, (failure,) = read(Query(server_url, query))
    assert list(documents) == ["2"]
    assert failure.id == "1" and "'v' holds bytes" in failure.message


def test_two_columns_of_one_name_are_refused(server_url: str) -> None:
    with pytest.raises(SourceError, match="more than one column 'n'"):
        list(Query(server_url, "SELECT 1 AS id, 'x' AS content, 1 AS n, 2 AS n").documents())


def test_the_callers_connection_keeps_its_own_loaders(server_url: str) -> None:
    with psycopg.connect(server_url) as connection:
        read(Query(connection, "SELECT 1 AS id, 'x' AS content"))
        row = connection.execute("SELECT '[1,5)'::int4range").fetchone()
        assert row is not None and not isinstance(row[0], str)
