"""A lane: the collections of one model, their jobs claimed, encoded and written in three threads.

Each model has a lane of its own, so that one that does not answer delays only what needs it.
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
from embeddb.worker.failures import told
from embeddb.worker.prepare import prepare
from embeddb.worker.privileges import refusal
from embeddb.worker.write import BatchWriter

AHEAD = 2
"""Parcels between two stages: enough to keep the encoder busy, few enough to be given back."""

FAREWELL_SECONDS = 5.0
"""How long a batch that is being encoded when the worker is told to stop may still take."""

CHECK_SECONDS = 0.1

LEAST_WAIT_SECONDS = 0.01

PERMIT_SECONDS = 30.0
"""How often a lane looks whether policies still show its role every row."""


class ModelPipeline:
    """The collections of one model.

    Attributes:
        wake: set when there may be something to claim.
    """

    def __init__(self, shop: WorkerContext, label: str) -> None:
        self._shop = shop
        self._options = shop.options
        self._members: tuple[WorkerCollection, ...] = ()
        self._feeder = BackfillFeeder(shop)
        self._prepared: queue.Queue[JobBatch] = queue.Queue(AHEAD)
        self._encoded: queue.Queue[JobBatch] = queue.Queue(AHEAD)
        self._stopped_at: float | None = None
        self._claimed_all = Event()
        self._encoded_all = Event()
        self.wake = Event()
        lanes = range(shop.options.concurrency)
        self._claimer = self._thread(label + "-claim", self._claim_jobs)
        self._encoders = [self._thread(label + "-encode", self._encode_parcels) for _ in lanes]
        self._writers = [self._thread(label + "-write", self._write_parcels) for _ in lanes]

    @property
    def members(self) -> tuple[WorkerCollection, ...]:
        """The collections."""
        return self._members

    def serve(self, members: tuple[WorkerCollection, ...]) -> None:
        """Change which collections the lane works for."""
        self._members = members
        self.wake.set()

    def start(self) -> None:
        """Begin."""
        for thread in (self._claimer, *self._encoders, *self._writers):
            thread.start()

    def join(self) -> None:
        """Wait, after the shop was told to stop, until everything is finished or given back."""
        self.wake.set()
        self._claimer.join()
        self._claimed_all.set()
        for thread in self._encoders:
            thread.join()
        self._encoded_all.set()
        for thread in self._writers:
            thread.join()

    @property
    def alive(self) -> bool:
        """Whether all threads run."""
        return all(thread.is_alive() for thread in (self._claimer, *self._encoders, *self._writers))

    def _thread(self, name: str, work: Callable[[ReconnectingConnection], None]) -> Thread:
        def run() -> None:
            link = self._shop.link()
            try:
                work(link)
            except StoppedError:
                pass
            except Exception as error:
                self._shop.crash(error)
            finally:
                link.close()

        return Thread(target=run, name="embeddb-" + name, daemon=True)

    # claim

    def _claim_jobs(self, link: ReconnectingConnection) -> None:
        while not self._shop.stopping.is_set():
            self.wake.clear()
            found = [self._turn(link, member) for member in self._members if _is_due(member)]
            if not any(found) and not self._shop.stopping.is_set():
                self.wake.wait(self._rest(link))

    def _turn(self, link: ReconnectingConnection, member: WorkerCollection) -> bool:
        """Work for one collection; say whether there was something to do."""
        claim: Claim | None = None
        try:
            self._permit(link, member)
            fed = self._feeder.feed(link, member)
            opened = member.open(self._shop.store)
            claim = self._claim(link, member)
            if claim is None:
                return fed
            parcels = self._prepared_of(link, member, opened, claim)
        except StoppedError:
            raise
        except GenerationChangedError:
            self._give_up(link, claim, 0.0)
            member.reload(self._shop.store)
            return True
        except Exception as error:
            self._give_up(link, claim, self._shop.trouble(link, member, error), told(error))
            return False
        for parcel in parcels:
            self._hand_over(link, parcel)
        return True

    def _permit(self, link: ReconnectingConnection, member: WorkerCollection) -> None:
        """Find out before the first job, and now and then, whether the role may do this.

        Raises:
            PermissionDeniedError: it may not; the message says what would let it.
        """
        if time.monotonic() - member.permitted_at < PERMIT_SECONDS:
            return
        schema = self._shop.store.database.schema
        error = link.run(lambda connection: refusal(connection, schema, member.record))
        if error is not None:
            raise error
        if member.permitted_at < 0:
            self._shop.recovered(member)
        member.permitted_at = time.monotonic()

    def _claim(self, link: ReconnectingConnection, member: WorkerCollection) -> Claim | None:
        if self._shop.stopping.is_set():
            return None
        claim = link.run(
            lambda connection: self._shop.jobs.claim(
                connection,
                member.id,
                limit=self._options.batch,
                lease_seconds=self._options.lease_seconds,
            )
        )
        if claim is not None:
            self._shop.leases.add(claim)
        return claim

    def _prepared_of(
        self,
        link: ReconnectingConnection,
        member: WorkerCollection,
        opened: LoadedCollection,
        claim: Claim,
    ) -> list[JobBatch]:
        started = time.monotonic()
        most = self._options.max_attempts
        parcels = link.run(
            lambda connection: prepare(connection, member, opened, claim, max_attempts=most)
        )
        self._shop.counters.take(member.name, "prepare", time.monotonic() - started)
        return parcels

    def _give_up(
        self,
        link: ReconnectingConnection,
        claim: Claim | None,
        pause_seconds: float,
        error: str | None = None,
    ) -> None:
        if claim is not None:
            self._shop.release(link, claim, claim.keys, pause_seconds=pause_seconds, error=error)

    def _hand_over(self, link: ReconnectingConnection, parcel: JobBatch) -> None:
        """Give a parcel to the encoder, or back to the queue if the worker is to stop."""
        while not self._shop.stopping.is_set():
            try:
                self._prepared.put(parcel, timeout=CHECK_SECONDS)
            except queue.Full:
                continue
            return
        self._shop.release(link, parcel.claim, parcel.keys)
        self._shop.counters.release(parcel.member.name, len(parcel.keys))

    def _rest(self, link: ReconnectingConnection) -> float:
        """Say how long to wait for news: no longer than until the next retry is due."""
        longest = self._options.poll_seconds
        ids = [member.id for member in self._members if not member.given_up]
        pauses = [member.backoff.wait_seconds for member in self._members if member.problem]
        due = link.run(lambda connection: self._shop.jobs.next_available(connection, ids))
        if due is not None and not pauses:
            pauses.append(max(due, LEAST_WAIT_SECONDS))
        return max(min([longest, *pauses]), LEAST_WAIT_SECONDS)

    # encode

    def _encode_parcels(self, link: ReconnectingConnection) -> None:
        while (parcel := _next(self._prepared, self._claimed_all)) is not None:
            if self._shop.stopping.is_set() and parcel.work.documents:
                self._shop.release(link, parcel.claim, parcel.keys)
                self._shop.counters.release(parcel.member.name, len(parcel.keys))
            elif self._encode(link, parcel):
                self._encoded.put(parcel)

    def _encode(self, link: ReconnectingConnection, parcel: JobBatch) -> bool:
        """Encode a parcel; False: it was given back."""
        if not parcel.work.documents:
            return True
        started = time.monotonic()
        try:
            self._shop.computing(parcel.opened.encoder, lambda: self._compute(parcel))
        except StoppedError:
            self._shop.release(link, parcel.claim, parcel.keys)
            return False
        except Exception as error:  # no text is at fault, but the model is away
            pause = self._shop.trouble(link, parcel.member, error)
            self._shop.release(
                link, parcel.claim, parcel.keys, pause_seconds=pause, error=told(error)
            )
            return False
        self._shop.counters.encode(parcel.member.name, parcel.work.encoded)
        self._shop.counters.take(parcel.member.name, "encode", time.monotonic() - started)
        return True

    def _compute(self, parcel: JobBatch) -> None:
        stage = EncodeStage(
            parcel.opened.encoder,
            parcel.opened.form,
            strict=False,
            progress=self._check_farewell,
        )
        work = parcel.work
        for _ in stage.works([work]):
            pass
        for failure in work.failures:
            parcel.problems[failure.id] = RowError(JobFailure(failure.error, failure.message))
        work.failures = []

    def _check_farewell(self, work: Work, done: int, total: int) -> None:
        """Break off what takes too long for a worker that is to stop."""
        if not self._shop.stopping.is_set() or done >= total:
            return
        if self._stopped_at is None:
            self._stopped_at = time.monotonic()
        if time.monotonic() - self._stopped_at > FAREWELL_SECONDS:
            raise StoppedError

    # write

    def _write_parcels(self, link: ReconnectingConnection) -> None:
        finisher = BatchWriter(self._shop, link)
        while (parcel := _next(self._encoded, self._encoded_all)) is not None:
            finisher.finish(parcel)


def _next(parcels: queue.Queue[JobBatch], ended: Event) -> JobBatch | None:
    """Wait for a parcel; None: there will be no more."""
    while True:
        last = ended.is_set()
        try:
            return parcels.get(timeout=CHECK_SECONDS)
        except queue.Empty:
            if last:
                return None


def _is_due(member: WorkerCollection) -> bool:
    return not member.given_up and not member.gone and member.backoff.wait_seconds == 0
