"""The last stage: finishes jobs in the transaction that writes their chunks, behind a fence."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping

from embeddb.db.database import Connection
from embeddb.errors import GenerationChangedError
from embeddb.repository.collections.writers import join_writers
from embeddb.repository.queue.jobs import JobFailure
from embeddb.worker.backoff import full_jitter
from embeddb.worker.batch import JobBatch, RowError
from embeddb.worker.connection import ReconnectingConnection, StoppedError
from embeddb.worker.context import WorkerContext
from embeddb.worker.failures import describe, is_of_one_row, row_failure

log = logging.getLogger("embeddb.worker")


class BatchWriter:
    """Finishes batches on one connection."""

    def __init__(self, context: WorkerContext, connection: ReconnectingConnection) -> None:
        self._context = context
        self._connection = connection
        self._jobs = context.jobs

    def finish(self, batch: JobBatch) -> None:
        """Write a batch's chunks and remove its jobs, or put back what cannot be finished."""
        started = time.monotonic()
        try:
            self._write(batch)
            self._settle_errors(batch)
        except StoppedError:
            raise
        except GenerationChangedError:
            batch.collection.reload(self._context.database)
            self._context.release(self._connection, batch.claim, batch.keys)
        except Exception as error:
            pause = self._context.postpone(self._connection, batch.collection, error)
            self._context.release(
                self._connection,
                batch.claim,
                batch.keys,
                pause_seconds=pause,
                error=describe(error),
            )
        else:
            self._context.recovered(batch.collection)
        finally:
            # whatever became of the batch, its leases are not renewed any more: where the worker
            # stops without the server, they run out, and another worker claims the jobs
            self._context.leases.settle(batch.claim, batch.keys)
        self._context.metrics.observe(batch.collection.name, "write", time.monotonic() - started)

    def _write(self, batch: JobBatch) -> None:
        """Write a batch; where one row is at fault, halve until it stands alone."""
        ready = batch.ready
        if not ready:
            return
        try:
            held = self._connection.run(self._commit, batch)
        except Exception as error:
            if not is_of_one_row(error):
                raise
            if len(ready) == 1:
                batch.errors[ready[0]] = RowError(row_failure(error))
                return
            for half in batch.halves():
                self._write(half)
                batch.errors |= half.errors
            return
        self._count(batch, held)

    def _commit(self, connection: Connection, batch: JobBatch) -> set[str]:
        """Write, in one transaction, what nobody changed meanwhile; return the keys of that.

        The order of the locks is why nothing stale is ever written. First the lock of the
        collection's writers: while it is held, no other generation becomes the active one. Then
        the jobs: a change of a row locks its job, too. If it came first, the job has lost its
        token, or is locked and about to lose it, and is left out here. If it comes later, it waits
        until these chunks are in, and makes another job.
        """
        record, chunks = batch.loaded.record, batch.loaded.chunks
        with connection.transaction():
            active = join_writers(connection, self._context.database.schema, record.name)
            if active != record.generation.number:
                raise GenerationChangedError
            held = self._jobs.hold(connection, batch.claim, batch.ready)
            documents, vectors = batch.select(held)
            if documents:
                chunks.replace(connection, documents, vectors)
            gone = [key for key in batch.gone if key in held]
            if gone:
                chunks.remove(connection, gone)
            self._jobs.finish(connection, batch.claim, list(held))
        return held

    def _count(self, batch: JobBatch, held: set[str]) -> None:
        name = batch.collection.name
        self._context.metrics.done(name, len(held))
        wasted = sum(document.id not in held for document in batch.work.documents)
        if wasted:
            self._context.metrics.waste(name, wasted)
        # a row that a transaction had locked may stay as it was, if that is rolled back: its job
        # must not wait until the lease runs out
        left = [key for key in batch.ready if key not in held]
        self._context.release(self._connection, batch.claim, left)

    def _settle_errors(self, batch: JobBatch) -> None:
        """Put rows with an error back for another try, or give them up."""
        attempts = {job.key: job.attempts for job in batch.claim.jobs}
        most = self._context.options.max_attempts
        given_up: dict[str, JobFailure] = {}
        again: dict[str, JobFailure] = {}
        for key, error in batch.errors.items():
            lost = error.lasting or attempts[key] >= most
            (given_up if lost else again)[key] = error.failure
        if again:
            self._retry(batch, again, attempts)
        if given_up:
            self._give_up(batch, given_up)

    def _retry(
        self, batch: JobBatch, failures: Mapping[str, JobFailure], attempts: Mapping[str, int]
    ) -> None:
        options = self._context.options
        pauses = {
            key: full_jitter(
                attempts[key],
                base_seconds=options.retry_seconds,
                cap_seconds=options.longest_pause_seconds,
            )
            for key in failures
        }
        count = self._connection.run(self._jobs.retry_later, batch.claim, failures, pauses)
        self._context.metrics.retry(batch.collection.name, count)
        _log_failures("rows to be tried again", batch, failures, count)

    def _give_up(self, batch: JobBatch, failures: Mapping[str, JobFailure]) -> None:
        count = self._connection.run(self._fail, batch, failures)
        self._context.metrics.fail(batch.collection.name, count)
        _log_failures("rows given up", batch, failures, count)

    def _fail(
        self, connection: Connection, batch: JobBatch, failures: Mapping[str, JobFailure]
    ) -> int:
        """Move jobs to the failed ones, and remove the chunks of what their rows held before.

        Such chunks would be found for a text that is not in the table any more.
        """
        with connection.transaction():
            held = self._jobs.hold(connection, batch.claim, list(failures))
            if not held:
                return 0
            batch.loaded.chunks.remove(connection, sorted(held))
            kept = {key: why for key, why in failures.items() if key in held}
            return self._jobs.fail(connection, batch.claim, kept)


def _log_failures(
    event: str, batch: JobBatch, failures: Mapping[str, JobFailure], count: int
) -> None:
    if count:
        errors = ", ".join(sorted({why.error for why in failures.values()}))
        fields = {"collection": batch.collection.name, "rows": count, "errors": errors}
        log.warning(event, extra=fields)
