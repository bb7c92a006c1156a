"""What becomes of a collection whose table got another key, another name, or lost its view."""

from __future__ import annotations

import pytest

import embeddb
from embeddb.errors import SourceChangedError
from embeddb.repository.attached.binding import changed_key, check_view
from embeddb.repository.attached.rows import SourceRows
from tests.support.attaching import articles, attach, drain, stored
from tests.support.postgres import rows


def test_another_primary_key_is_noticed_and_nothing_is_read_by_the_old_one(
    store: embeddb.Store,
) -> None:
    articles(store.url, 1)
    record = attach(store).record
    rows(
        store.url,
        "ALTER TABLE public.articles DROP CONSTRAINT articles_pkey, ADD PRIMARY KEY (views, id)",
    )
    with (
        store.database.transaction() as connection,
        pytest.raises(SourceChangedError, match=r"key of public\.articles is \(views, id\)"),
    ):
        SourceRows(store.database, record).read(connection, ["1"])


def test_a_renamed_key_column_is_the_same_key(store: embeddb.Store) -> None:
    articles(store.url, 1)
    record = attach(store).record
    rows(store.url, "ALTER TABLE public.articles RENAME id TO number")
    with store.database.transaction() as connection:
        assert changed_key(connection, record) is None


def test_a_view_that_is_gone_is_called_so(store: embeddb.Store) -> None:
    articles(store.url, 1)
    record = attach(store).record
    rows(store.url, "DROP VIEW embeddb.articles CASCADE")
    with (
        store.database.transaction() as connection,
        pytest.raises(SourceChangedError, match=r"View embeddb\.articles is gone"),
    ):
        check_view(connection, record)


def test_truncating_a_partition_looks_at_the_table_that_is_followed(store: embeddb.Store) -> None:
    rows(store.url, "CREATE TABLE ev (id int PRIMARY KEY, body text) PARTITION BY RANGE (id)")
    rows(store.url, "CREATE TABLE ev1 PARTITION OF ev FOR VALUES FROM (0) TO (10)")
    rows(store.url, "CREATE TABLE ev2 PARTITION OF ev FOR VALUES FROM (10) TO (20)")
    rows(store.url, "INSERT INTO ev VALUES (1, 'one'), (11, 'eleven')")
    drain(store, attach(store, "ev", "body"))
    rows(store.url, "ALTER TABLE ev RENAME TO old_ev")
    rows(store.url, "CREATE TABLE ev (id int PRIMARY KEY, body text)")
    rows(store.url, "TRUNCATE ev2")
    assert stored(store.url, "ev_g1") == ["1"]
