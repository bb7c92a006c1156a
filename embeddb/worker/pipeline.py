"""The pipeline of one model: its collections' jobs claimed, encoded and written in three threads.

Each model has a pipeline of its own, so that one that does not answer delays only what needs it.
"""

from __future__ import annotations

import queue
import time
from collections.abc import Callable
from threading import Event, Thread

from embeddb.errors import GenerationChangedError
from embeddb.pipeline.ingest.encode import EncodeStage
from embeddb.pipeline.ingest.work import Work
from embeddb.repository.queue.jobs import Claim, JobFailure
from embeddb.worker.backfill import BackfillFeeder
from embeddb.worker.batch import JobBatch, RowError
from embeddb.worker.collection import LoadedCollection, WorkerCollection
from embeddb.worker.connection import ReconnectingConnection, StoppedError
from embeddb.worker.context import WorkerContext
from embeddb.worker.failures import describe
from embeddb.worker.prepare import prepare
from embeddb.worker.privileges import check_collection
from embeddb.worker.reconciliation import Reconciliation
from embeddb.worker.write import BatchWriter

BATCHES_BETWEEN_STAGES = 2
"""Enough to keep the encoder busy, few enough to be put back when the worker is to stop."""

ENCODE_WHEN_STOPPED_SECONDS = 5.0
"""How long a batch that is being encoded when the worker is told to stop may still take."""

CHECK_SECONDS = 0.1
"""How soon a stage that waits for another one notices that the worker is to stop."""

LEAST_WAIT_SECONDS = 0.01

CHECK_PRIVILEGES_SECONDS = 30.0
"""How often the role's privileges and policies are checked: what is hidden from it by a new policy
would be taken for gone."""


class ModelPipeline:
    """The collections of one model, and the threads that work for them.

    Attributes:
        wake: set when there may be something to claim.
    """

    def __init__(self, context: WorkerContext, label: str) -> None:
        self._context = context
        self._options = context.options
        self._collections: tuple[WorkerCollection, ...] = ()
        self._feeder = BackfillFeeder(context)
        self._reconciliation = Reconciliation(context)
        self._prepared: queue.Queue[JobBatch] = queue.Queue(BATCHES_BETWEEN_STAGES)
        self._encoded: queue.Queue[JobBatch] = queue.Queue(BATCHES_BETWEEN_STAGES)
        self._stopped_at: float | None = None
        self._claimed_all = Event()
        self._encoded_all = Event()
        self.wake = Event()
        several = range(context.options.concurrency)
        self._claimer = self._thread(label + "-claim", self._claim_jobs)
        self._encoders = [self._thread(label + "-encode", self._encode_batches) for _ in several]
        self._writers = [self._thread(label + "-write", self._write_batches) for _ in several]

    @property
    def collections(self) -> tuple[WorkerCollection, ...]:
        """The collections that the pipeline works for."""
        return self._collections

    @property
    def alive(self) -> bool:
        """Whether all threads run."""
        return all(thread.is_alive() for thread in (self._claimer, *self._encoders, *self._writers))

    def serve(self, collections: tuple[WorkerCollection, ...]) -> None:
        """Change which collections the pipeline works for."""
        self._collections = collections
        self.wake.set()

    def start(self) -> None:
        """Start the threads."""
        for thread in (self._claimer, *self._encoders, *self._writers):
            thread.start()

    def join(self) -> None:
        """Wait, after the worker was told to stop, until every job is finished or put back.

        The stages end in their order: each knows then that nothing more comes from the one before.
        """
        self.wake.set()
        self._claimer.join()
        self._claimed_all.set()
        for thread in self._encoders:
            thread.join()
        self._encoded_all.set()
        for thread in self._writers:
            thread.join()

    def _thread(self, name: str, work: Callable[[ReconnectingConnection], None]) -> Thread:
        def run() -> None:
            connection = self._context.new_connection()
            try:
                work(connection)
            except StoppedError:
                pass
            except Exception as error:
                self._context.crash(error)
            finally:
                connection.close()

        return Thread(target=run, name="embeddb-" + name, daemon=True)

    # claim

    def _claim_jobs(self, connection: ReconnectingConnection) -> None:
        while not self._context.stopping.is_set():
            # cleared before the look, so that what is notified of during it is looked for again
            self.wake.clear()
            found = [self._turn(connection, one) for one in self._collections if one.is_due]
            if not any(found) and not self._context.stopping.is_set():
                self.wake.wait(self._wait_seconds(connection))

    def _turn(self, connection: ReconnectingConnection, collection: WorkerCollection) -> bool:
        """Claim some jobs of a collection; return whether there was anything to do."""
        database = self._context.database
        claim: Claim | None = None
        try:
            self._check_privileges(connection, collection)
            fed = self._feeder.feed(connection, collection)
            loaded = collection.load(database, self._context.models)
            claim = self._claim(connection, collection)
            if claim is None:
                return fed or self._reconciliation.step(connection, collection)
            batches = self._prepare(connection, collection, loaded, claim)
        except StoppedError:
            raise
        except GenerationChangedError:
            self._put_back(connection, claim)
            collection.reload(database)
            return True
        except Exception as error:
            pause = self._context.postpone(connection, collection, error)
            self._put_back(connection, claim, pause, describe(error))
            return False
        for batch in batches:
            self._hand_over(connection, batch)
        return True

    def _check_privileges(
        self, connection: ReconnectingConnection, collection: WorkerCollection
    ) -> None:
        """Check before the first job, and now and then, that the role may work for a collection.

        Raises:
            PermissionDeniedError: it may not; the message has what grants it.
        """
        if time.monotonic() - collection.privileges_checked_at < CHECK_PRIVILEGES_SECONDS:
            return
        connection.run(check_collection, self._context.database.schema, collection.record)
        if collection.privileges_checked_at < 0:
            self._context.recovered(collection)
        collection.privileges_checked_at = time.monotonic()

    def _claim(
        self, connection: ReconnectingConnection, collection: WorkerCollection
    ) -> Claim | None:
        if self._context.stopping.is_set():
            return None
        claim = connection.run(
            self._context.jobs.claim,
            collection.id,
            limit=self._options.batch,
            lease_seconds=self._options.lease_seconds,
        )
        if claim is not None:
            self._context.leases.add(claim)
        return claim

    def _prepare(
        self,
        connection: ReconnectingConnection,
        collection: WorkerCollection,
        loaded: LoadedCollection,
        claim: Claim,
    ) -> list[JobBatch]:
        started = time.monotonic()
        most = self._options.max_attempts
        batches = connection.run(prepare, collection, loaded, claim, max_attempts=most)
        seconds = time.monotonic() - started
        self._context.metrics.observe(collection.name, "prepare", seconds)
        return batches

    def _put_back(
        self,
        connection: ReconnectingConnection,
        claim: Claim | None,
        pause_seconds: float = 0.0,
        error: str | None = None,
    ) -> None:
        if claim is not None:
            self._context.release(
                connection, claim, claim.keys, pause_seconds=pause_seconds, error=error
            )

    def _hand_over(self, connection: ReconnectingConnection, batch: JobBatch) -> None:
        """Hand a batch to the encoder, or put it back if the worker is to stop."""
        while not self._context.stopping.is_set():
            try:
                self._prepared.put(batch, timeout=CHECK_SECONDS)
            except queue.Full:
                continue
            return
        self._put_back_untouched(connection, batch)

    def _put_back_untouched(self, connection: ReconnectingConnection, batch: JobBatch) -> None:
        self._context.release(connection, batch.claim, batch.keys)
        self._context.metrics.release(batch.collection.name, len(batch.keys))

    def _wait_seconds(self, connection: ReconnectingConnection) -> float:
        """Return how long to wait for a notification: no longer than until the next try is due."""
        longest = self._reconciliation.wait_seconds(self._options.poll_seconds)
        ids = [one.id for one in self._collections if not one.given_up]
        pauses = [one.backoff.wait_seconds for one in self._collections if one.error]
        due = connection.run(self._context.jobs.next_available, ids)
        if due is not None and not pauses:
            pauses.append(max(due, LEAST_WAIT_SECONDS))
        return max(min([longest, *pauses]), LEAST_WAIT_SECONDS)

    # encode

    def _encode_batches(self, connection: ReconnectingConnection) -> None:
        while (batch := _next(self._prepared, self._claimed_all)) is not None:
            if self._context.stopping.is_set() and batch.work.documents:
                self._put_back_untouched(connection, batch)
            elif self._encode(connection, batch):
                self._encoded.put(batch)

    def _encode(self, connection: ReconnectingConnection, batch: JobBatch) -> bool:
        """Encode a batch; return whether it is to be written, and was not put back."""
        if not batch.work.documents:
            return True
        started = time.monotonic()
        try:
            self._context.compute(batch.loaded.encoder, lambda: self._compute(batch))
        except StoppedError:
            self._context.release(connection, batch.claim, batch.keys)
            return False
        except Exception as error:  # texts that the model fails on are set apart: it is away
            pause = self._context.postpone(connection, batch.collection, error)
            self._context.release(
                connection, batch.claim, batch.keys, pause_seconds=pause, error=describe(error)
            )
            return False
        name = batch.collection.name
        self._context.metrics.encode(name, batch.work.encoded)
        self._context.metrics.observe(name, "encode", time.monotonic() - started)
        return True

    def _compute(self, batch: JobBatch) -> None:
        stage = EncodeStage(
            batch.loaded.encoder,
            batch.loaded.form,
            strict=False,
            progress=self._check_deadline,
        )
        work = batch.work
        stage.encode(work)
        for failure in work.failures:
            batch.errors[failure.id] = RowError(JobFailure(failure.error, failure.message))
        work.failures = []

    def _check_deadline(self, work: Work, done: int, total: int) -> None:
        """Break off what takes too long for a worker that is to stop.

        Raises:
            StoppedError: the time is up, and some of the batch is not encoded.
        """
        if not self._context.stopping.is_set() or done >= total:
            return
        if self._stopped_at is None:
            self._stopped_at = time.monotonic()
        if time.monotonic() - self._stopped_at > ENCODE_WHEN_STOPPED_SECONDS:
            raise StoppedError

    # write

    def _write_batches(self, connection: ReconnectingConnection) -> None:
        writer = BatchWriter(self._context, connection)
        while (batch := _next(self._encoded, self._encoded_all)) is not None:
            writer.finish(batch)


def _next(batches: queue.Queue[JobBatch], ended: Event) -> JobBatch | None:
    """Wait for a batch; None: there will be no more."""
    while True:
        # asked before the look: what was put in until then is still found
        last = ended.is_set()
        try:
            return batches.get(timeout=CHECK_SECONDS)
        except queue.Empty:
            if last:
                return None
