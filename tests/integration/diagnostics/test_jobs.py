"""The queue as its owner sees it."""

from __future__ import annotations

import pytest

import embeddb
from embeddb.errors import CollectionNotFoundError
from embeddb.repository.queue.jobs import JobFailure, Jobs
from tests.support.attaching import articles, attach, drain
from tests.support.postgres import rows


@pytest.fixture
def queue(store: embeddb.Store) -> embeddb.JobQueue:
    """A queue of the rows 1, 2 and 3 of `articles`, after `other` was attached, too."""
    articles(store.url, 5)
    drain(store, attach(store))
    drain(store, attach(store, name="other"))
    rows(store.url, "UPDATE articles SET title = 'new' WHERE id <= 3")
    rows(
        store.url,
        "DELETE FROM embeddb.jobs USING embeddb.collections c "
        "WHERE c.id = collection_id AND c.name = 'other'",
    )
    return store.jobs


def _fail(store: embeddb.Store, *keys: str) -> None:
    jobs = Jobs(store.database)
    with store.database.dedicated() as connection:
        (number,) = jobs.collections(connection, ["articles"])
        claim = jobs.claim(connection, number, limit=9, lease_seconds=30)
        assert claim is not None
        jobs.fail(connection, claim, {key: JobFailure("EncodingError", "no words") for key in keys})
        jobs.release(connection, claim, [key for key in claim.keys if key not in keys])


def test_jobs_are_counted_and_listed(store: embeddb.Store, queue: embeddb.JobQueue) -> None:
    counts = {found.name: found.pending for found in queue.counts()}
    assert counts == {"articles": 3, "other": 0}
    assert [found.name for found in queue.counts("other")] == ["other"]
    assert {job.key for job in queue.queued()} == {"1", "2", "3"}
    assert len(queue.queued("articles", limit=2)) == 2
    assert queue.queued("other") == []


def test_rows_that_failed_are_retried_and_removed(
    store: embeddb.Store, queue: embeddb.JobQueue
) -> None:
    _fail(store, "1", "2", "3")
    assert queue.queued() == []
    assert {job.key: job.error for job in queue.failed()} == dict.fromkeys("123", "EncodingError")
    assert queue.failed("other") == []
    assert queue.retry("articles", ["1"]) == 1
    assert [job.key for job in queue.queued()] == ["1"]
    assert queue.purge(keys=["2"]) == 1
    assert queue.purge("other") == 0
    assert [job.key for job in queue.failed("articles", 1)] == ["3"]
    assert queue.retry() == 1
    assert queue.failed() == []


def test_a_collection_that_does_not_exist_is_an_error(queue: embeddb.JobQueue) -> None:
    for method in (queue.counts, queue.queued, queue.failed, queue.retry, queue.purge):
        with pytest.raises(CollectionNotFoundError, match="nothere"):
            method("nothere")
