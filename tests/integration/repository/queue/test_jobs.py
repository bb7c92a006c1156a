"""The queue: claimed under a lease, finished behind a fence, never lost."""

from __future__ import annotations

import time
from collections.abc import Iterator

import psycopg
import pytest

import embeddb
from embeddb.db.database import Connection
from embeddb.repository.queue.jobs import ATTEMPTS_UNTIL_ALONE, SECOND_LOT, Claim, JobFailure, Jobs
from tests.support.postgres import one, rows

LEASE_SECONDS = 30.0

MARK_ATTACHED = "UPDATE embeddb.collections SET source = '{}' RETURNING id"
ENQUEUE = """
    INSERT INTO embeddb.jobs AS j (collection_id, key)
    SELECT %s, pg_catalog.unnest(%s::text[])
        ON CONFLICT (collection_id, key) DO UPDATE
       SET version = j.version + 1, attempts = 0, available_at = clock_timestamp(),
           token = NULL, leased_until = NULL
"""


class Queue:
    """A queue of one collection, on one connection."""

    def __init__(self, store: embeddb.Store, connection: Connection) -> None:
        self.jobs = Jobs(store.database)
        self.url = store.url
        self.connection = connection
        store.create_collection("docs", model=None, dim=3)
        self.id = int(one(self.url, MARK_ATTACHED))

    def enqueue(self, *keys: str) -> None:
        """Do what a trigger does."""
        rows(self.url, ENQUEUE, [self.id, list(keys)])

    def claim(self, limit: int = 100, lease_seconds: float = LEASE_SECONDS) -> Claim | None:
        return self.jobs.claim(self.connection, self.id, limit=limit, lease_seconds=lease_seconds)

    def claimed(self, limit: int = 100, lease_seconds: float = LEASE_SECONDS) -> Claim:
        claim = self.claim(limit, lease_seconds)
        assert claim is not None
        return claim

    def finish(self, claim: Claim) -> set[str]:
        with self.connection.transaction():
            held = self.jobs.hold(self.connection, claim, claim.keys)
            self.jobs.finish(self.connection, claim, list(held))
        return held

    def keys(self) -> list[str]:
        return [row[0] for row in rows(self.url, "SELECT key FROM embeddb.jobs ORDER BY key")]

    def expire(self) -> None:
        """Let every lease run out."""
        rows(
            self.url,
            "UPDATE embeddb.jobs SET leased_until = now() - interval '1 s', "
            "available_at = now() - interval '1 s' WHERE token IS NOT NULL",
        )


@pytest.fixture
def queue(store: embeddb.Store) -> Iterator[Queue]:
    with store.database.open() as connection:
        connection.execute("SET lock_timeout = '5s'")  # whoever waits for another fails
        yield Queue(store, connection)


def test_a_claimed_job_is_claimed_once_and_finished(queue: Queue) -> None:
    queue.enqueue("a", "b")
    claim = queue.claimed()
    assert claim.keys == ["a", "b"]
    assert {job.attempts for job in claim.jobs} == {1}
    assert queue.claim() is None
    assert queue.finish(claim) == {"a", "b"}
    assert queue.keys() == []


def test_the_oldest_jobs_come_first(queue: Queue) -> None:
    for key in ("third", "first", "second"):
        queue.enqueue(key)
    assert queue.claimed(2).keys == ["third", "first"]
    assert queue.claimed(2).keys == ["second"]


def test_a_change_takes_the_job_away_from_whoever_holds_it(queue: Queue) -> None:
    queue.enqueue("a", "b")
    claim = queue.claimed()
    queue.enqueue("a")
    assert queue.finish(claim) == {"b"}
    again = queue.claimed()
    assert [(job.key, job.version, job.attempts) for job in again.jobs] == [("a", 2, 1)]


def test_a_deleted_job_is_not_finished(queue: Queue) -> None:
    queue.enqueue("a")
    claim = queue.claimed()
    rows(queue.url, "DELETE FROM embeddb.jobs")
    assert queue.finish(claim) == set()


def test_an_open_transaction_of_the_application_is_not_waited_for(queue: Queue) -> None:
    queue.enqueue("a", "b")
    claim = queue.claimed()
    with psycopg.connect(queue.url) as other:
        other.execute(ENQUEUE, [queue.id, ["a"]])
        assert queue.finish(claim) == {"b"}
        queue.jobs.renew(queue.connection, claim, claim.keys, LEASE_SECONDS)
        queue.jobs.release(queue.connection, claim, claim.keys)
        other.commit()
    assert queue.claimed().keys == ["a"]


def test_a_lease_that_ran_out_is_taken_over_and_its_holder_fenced_off(queue: Queue) -> None:
    queue.enqueue("a")
    dead = queue.claimed(lease_seconds=0.05)
    time.sleep(0.1)
    alive = queue.claimed()
    assert alive.keys == ["a"]
    assert alive.token != dead.token
    assert queue.jobs.renew(queue.connection, dead, dead.keys, LEASE_SECONDS) == 0
    assert queue.finish(dead) == set()
    assert queue.finish(alive) == {"a"}


def test_a_renewed_lease_is_kept(queue: Queue) -> None:
    queue.enqueue("a")
    claim = queue.claimed(lease_seconds=0.2)
    assert queue.jobs.renew(queue.connection, claim, claim.keys, LEASE_SECONDS) == 1
    time.sleep(0.3)
    assert queue.claim() is None


def test_jobs_that_come_back_are_claimed_in_smaller_lots_and_then_alone(queue: Queue) -> None:
    queue.enqueue(*(f"{number:03}" for number in range(40)))
    assert len(queue.claimed().jobs) == 40
    queue.expire()
    assert len(queue.claimed().jobs) == SECOND_LOT
    assert len(queue.claimed().jobs) == SECOND_LOT
    assert len(queue.claimed().jobs) == 8
    queue.expire()
    first = queue.claimed()
    assert len(first.jobs) == 1
    assert first.jobs[0].attempts == ATTEMPTS_UNTIL_ALONE
    queue.enqueue("new")
    claims = [queue.claimed() for _ in range(40)]
    assert {len(claim.jobs) for claim in claims} == {1}


def test_a_released_job_keeps_its_attempts(queue: Queue) -> None:
    queue.enqueue("a")
    for _ in range(3):
        claim = queue.claimed()
        assert claim.jobs[0].attempts == 1
        queue.jobs.release(queue.connection, claim, claim.keys, error="the model is away")
    assert one(queue.url, "SELECT last_error FROM embeddb.jobs") == "the model is away"
    claim = queue.claimed()
    queue.jobs.release(queue.connection, claim, claim.keys, pause_seconds=60)
    assert queue.claim() is None
    due = queue.jobs.next_available(queue.connection, [queue.id])
    assert due is not None and 50 < due <= 60


def test_a_failed_row_waits_and_then_goes_to_the_failed_jobs(queue: Queue) -> None:
    queue.enqueue("a", "b")
    claim = queue.claimed()
    failure = {"a": JobFailure("EncodingError", "the model choked \0 on it")}
    assert queue.jobs.retry_later(queue.connection, claim, failure, {"a": 0.0}) == 1
    again = queue.claimed()
    assert [(job.key, job.attempts) for job in again.jobs] == [("a", 2)]
    assert queue.jobs.fail(queue.connection, again, failure) == 1
    assert queue.keys() == ["b"]
    failed = queue.jobs.failed("docs")
    assert [(job.key, job.attempts, job.error) for job in failed] == [("a", 2, "EncodingError")]
    assert "choked" in failed[0].message


def test_what_was_fenced_off_is_not_failed(queue: Queue) -> None:
    queue.enqueue("a")
    claim = queue.claimed()
    queue.enqueue("a")
    failure = {"a": JobFailure("EncodingError", "no")}
    assert queue.jobs.fail(queue.connection, claim, failure) == 0
    assert queue.jobs.retry_later(queue.connection, claim, failure, {"a": 9.0}) == 0
    assert queue.jobs.failed() == []
    assert queue.claimed().keys == ["a"]


def test_failed_jobs_are_revived_or_purged(queue: Queue) -> None:
    queue.enqueue("a", "b", "c")
    claim = queue.claimed()
    failures = {key: JobFailure("EncodingError", key) for key in claim.keys}
    assert queue.jobs.fail(queue.connection, claim, failures) == 3
    assert queue.jobs.purge("docs", ["c"]) == 1
    with psycopg.connect(queue.url, autocommit=True) as other:
        other.execute("LISTEN embeddb_jobs")
        assert queue.jobs.revive("docs", ["a"]) == 1
        assert [notice.payload for notice in other.notifies(timeout=5, stop_after=1)] == [
            str(queue.id)
        ]
    assert queue.jobs.revive("other") == 0
    assert queue.jobs.revive() == 1
    assert queue.keys() == ["a", "b"]
    assert queue.jobs.failed() == []


def test_counts_tell_states_apart_and_never_a_magic_number(queue: Queue) -> None:
    empty = queue.jobs.counts()[0]
    assert (empty.pending, empty.failed, empty.oldest_seconds, empty.last_error) == (
        0,
        0,
        None,
        None,
    )
    assert (empty.backfill_total, empty.backfill_done) == (None, None)
    queue.enqueue("working")
    queue.claimed()
    queue.enqueue("delayed")
    claim = queue.claimed()
    queue.jobs.release(queue.connection, claim, claim.keys, pause_seconds=60, error="away")
    queue.enqueue("waiting")
    full = queue.jobs.counts(["docs"])[0]
    assert (full.waiting, full.working, full.delayed, full.pending) == (1, 1, 1, 3)
    assert full.oldest_seconds is not None and 0 <= full.oldest_seconds < 60
    assert full.last_error == "away"
    assert [job.state for job in queue.jobs.queued("docs")] == ["waiting", "working", "delayed"]
    assert queue.jobs.counts(["other"]) == []


def test_a_claim_reads_no_more_than_it_takes(queue: Queue) -> None:
    queue.enqueue(*(f"{number:05}" for number in range(5000)))
    rows(queue.url, "ANALYZE embeddb.jobs")
    claim = queue.claimed(100)
    assert len(claim.jobs) == 100
    from embeddb.db.queries import Name, query

    statement = query("jobs.claim", jobs=Name("embeddb", "jobs"))
    values = {
        "collection": queue.id,
        "token": claim.token,
        "limit": 100,
        "limit_second": 16,
        "lease": "30 s",
    }
    text = psycopg.ClientCursor(queue.connection).mogrify(statement, values)
    plan = "\n".join(row[0] for row in rows(queue.url, "EXPLAIN " + text))
    assert "jobs_available_idx" in plan
    assert "Seq Scan on jobs" not in plan
