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
from embeddb.worker.failures import fault, is_of_one_row, told

log = logging.getLogger("embeddb.worker")


class BatchWriter:
    """Finishes parcels on one connection."""

    def __init__(self, shop: WorkerContext, link: ReconnectingConnection) -> None:
        self._shop = shop
        self._link = link
        self._jobs = shop.jobs

    def finish(self, parcel: JobBatch) -> None:
        """Write a parcel's chunks and remove its jobs, or give back what cannot be finished."""
        started = time.monotonic()
        try:
            self._write(parcel)
            self._settle_problems(parcel)
        except StoppedError:
            raise
        except GenerationChangedError:
            parcel.member.reload(self._shop.store)
            self._shop.release(self._link, parcel.claim, parcel.keys)
        except Exception as error:
            pause = self._shop.trouble(self._link, parcel.member, error)
            self._shop.release(
                self._link, parcel.claim, parcel.keys, pause_seconds=pause, error=told(error)
            )
        else:
            self._shop.recovered(parcel.member)
        finally:
            self._shop.leases.settle(parcel.claim, parcel.keys)
        self._shop.counters.take(parcel.member.name, "write", time.monotonic() - started)

    def _write(self, parcel: JobBatch) -> None:
        """Write; where one row is at fault, halve until it stands alone."""
        ready = parcel.ready
        if not ready:
            return
        try:
            held = self._link.run(lambda connection: self._commit(connection, parcel))
        except Exception as error:
            if not is_of_one_row(error):
                raise
            if len(ready) == 1:
                parcel.problems[ready[0]] = RowError(fault(error))
                return
            for half in parcel.halves():
                self._write(half)
                parcel.problems |= half.problems
            return
        self._count(parcel, held)

    def _commit(self, connection: Connection, parcel: JobBatch) -> set[str]:
        """Do it in one transaction, for the jobs that nobody changed; give their keys."""
        record, chunks = parcel.opened.record, parcel.opened.chunks
        with connection.transaction():
            active = join_writers(connection, self._shop.store.database.schema, record.name)
            if active != record.generation.number:
                raise GenerationChangedError
            held = self._jobs.hold(connection, parcel.claim, parcel.ready)
            documents, vectors = parcel.of(held)
            if documents:
                chunks.replace(connection, documents, vectors)
            gone = [key for key in parcel.gone if key in held]
            if gone:
                chunks.remove(connection, gone)
            self._jobs.finish(connection, parcel.claim, list(held))
        return held

    def _count(self, parcel: JobBatch, held: set[str]) -> None:
        name = parcel.member.name
        self._shop.counters.done(name, len(held))
        wasted = sum(document.id not in held for document in parcel.work.documents)
        if wasted:
            self._shop.counters.waste(name, wasted)
        # what somebody holds locked may stay as it was after all: it must not wait for the lease
        left = [key for key in parcel.ready if key not in held]
        self._shop.release(self._link, parcel.claim, left)

    def _settle_problems(self, parcel: JobBatch) -> None:
        """Try rows with a problem again later, or give them up."""
        attempts = {job.key: job.attempts for job in parcel.claim.jobs}
        most = self._shop.options.max_attempts
        failed: dict[str, JobFailure] = {}
        again: dict[str, JobFailure] = {}
        for key, problem in parcel.problems.items():
            lost = problem.lasting or attempts[key] >= most
            (failed if lost else again)[key] = problem.fault
        if again:
            self._retry(parcel, again, attempts)
        if failed:
            self._give_up(parcel, failed)

    def _retry(
        self, parcel: JobBatch, faults: Mapping[str, JobFailure], attempts: Mapping[str, int]
    ) -> None:
        options = self._shop.options
        pauses = {
            key: full_jitter(
                attempts[key],
                base_seconds=options.retry_seconds,
                cap_seconds=options.longest_pause_seconds,
            )
            for key in faults
        }
        count = self._link.run(
            lambda connection: self._jobs.retry_later(connection, parcel.claim, faults, pauses)
        )
        self._shop.counters.retry(parcel.member.name, count)
        self._tell("rows to be tried again", parcel, faults, count)

    def _give_up(self, parcel: JobBatch, faults: Mapping[str, JobFailure]) -> None:
        """Move jobs to the failed ones; chunks of what the rows held before would tell lies."""

        def move(connection: Connection) -> int:
            with connection.transaction():
                held = self._jobs.hold(connection, parcel.claim, list(faults))
                if held:
                    parcel.opened.chunks.remove(connection, sorted(held))
                kept = {key: why for key, why in faults.items() if key in held}
                return self._jobs.fail(connection, parcel.claim, kept) if kept else 0

        count = self._link.run(move)
        self._shop.counters.fail(parcel.member.name, count)
        self._tell("rows given up", parcel, faults, count)

    def _tell(
        self, event: str, parcel: JobBatch, faults: Mapping[str, JobFailure], count: int
    ) -> None:
        if count:
            kinds = ", ".join(sorted({why.error for why in faults.values()}))
            place = {"collection": parcel.member.name, "rows": count, "errors": kinds}
            log.warning(event, extra=place)
