"""What a worker's role lacks is found out before the work, with what grants it."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

import embeddb
from embeddb.errors import PermissionDeniedError
from embeddb.schema.catalog import CollectionRecord
from embeddb.worker.privileges import check_collection, check_queue
from tests.support.attaching import articles, attach
from tests.support.postgres import rows, session
from tests.support.privileges import as_role, roles


@pytest.fixture
def record(store: embeddb.Store) -> CollectionRecord:
    articles(store.url, 1)
    return attach(store).record


@pytest.fixture
def worker(store: embeddb.Store) -> Iterator[str]:
    """The name of a role without any privilege."""
    with roles(store.url, "worker") as made:
        yield made["worker"]


def queue_refusal(url: str, role: str, *, answers: bool) -> str | None:
    with session(as_role(url, role)) as connection:
        try:
            check_queue(connection, "embeddb", answers=answers)
        except PermissionDeniedError as error:
            return str(error)
    return None


def collection_refusal(url: str, role: str, record: CollectionRecord) -> str | None:
    with session(as_role(url, role)) as connection:
        try:
            check_collection(connection, "embeddb", record)
        except PermissionDeniedError as error:
            return str(error)
    return None


def test_the_queue_is_refused_with_the_command_that_grants_it(
    store: embeddb.Store, worker: str
) -> None:
    rows(store.url, f'GRANT USAGE ON SCHEMA embeddb TO "{worker}"')
    refusal = str(queue_refusal(store.url, worker, answers=False))
    assert "UPDATE on embeddb.jobs" in refusal
    assert f"embeddb grant worker {worker}" in refusal
    assert "encode_requests" not in refusal
    assert "encode_requests" in str(queue_refusal(store.url, worker, answers=True))
    store.grant("worker", worker)
    assert queue_refusal(store.url, worker, answers=True) is None


def test_only_who_answers_texts_needs_their_tables(store: embeddb.Store, worker: str) -> None:
    store.grant("worker", worker)
    rows(store.url, f'REVOKE ALL ON embeddb.encode_requests FROM "{worker}"')
    assert queue_refusal(store.url, worker, answers=False) is None
    assert "encode_requests" in str(queue_refusal(store.url, worker, answers=True))


def test_a_collection_is_refused_until_chunks_and_source_are_granted(
    store: embeddb.Store, record: CollectionRecord, worker: str
) -> None:
    rows(store.url, f'GRANT USAGE ON SCHEMA embeddb TO "{worker}"')
    refusal = str(collection_refusal(store.url, worker, record))
    assert "INSERT on embeddb.articles_g1" in refusal
    assert f"embeddb grant worker {worker} --collection 'articles'" in refusal
    store.grant("worker", worker)
    refusal = str(collection_refusal(store.url, worker, record))
    assert "may not read these columns" in refusal
    assert "The owner of public.articles gives it: GRANT SELECT" in refusal
    store.grant("worker", worker, with_source=True)
    assert collection_refusal(store.url, worker, record) is None


def test_a_policy_that_hides_rows_is_found_out(
    store: embeddb.Store, record: CollectionRecord, worker: str
) -> None:
    store.grant("worker", worker, with_source=True)
    rows(store.url, "ALTER TABLE articles ENABLE ROW LEVEL SECURITY")
    assert "BYPASSRLS" in str(collection_refusal(store.url, worker, record))
    rows(store.url, f'CREATE POLICY all_of_it ON articles FOR SELECT TO "{worker}" USING (true)')
    assert collection_refusal(store.url, worker, record) is None


def test_a_role_that_may_make_no_temporary_tables_is_refused_where_policies_need_them(
    store: embeddb.Store, worker: str
) -> None:
    articles(store.url, 1)
    rows(store.url, "ALTER TABLE articles ENABLE ROW LEVEL SECURITY")
    record = attach(store).record
    rows(store.url, f'CREATE POLICY all_of_it ON articles FOR SELECT TO "{worker}" USING (true)')
    store.grant("worker", worker, with_source=True)
    database = psycopg.conninfo.conninfo_to_dict(store.url)["dbname"]
    rows(store.url, f'REVOKE TEMPORARY ON DATABASE "{database}" FROM "{worker}"')
    assert "temporary tables" in str(collection_refusal(store.url, worker, record))
    store.grant("worker", worker, with_source=True)
    assert collection_refusal(store.url, worker, record) is None


def test_no_privilege_is_lacked_on_a_view_that_is_not_there(
    store: embeddb.Store, worker: str, record: CollectionRecord
) -> None:
    store.grant("worker", worker)
    rows(store.url, f'GRANT SELECT ON articles TO "{worker}"')
    rows(store.url, "DROP VIEW IF EXISTS embeddb.articles_chunks")  # as before PostgreSQL 15
    assert collection_refusal(store.url, worker, record) is None
    rows(store.url, f'REVOKE INSERT ON embeddb.articles_g1 FROM "{worker}"')
    assert "lacks INSERT on embeddb.articles_g1." in str(
        collection_refusal(store.url, worker, record)
    )
