"""The worker as a whole: its threads, started, watched and stopped."""

from __future__ import annotations

import logging
import time
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

from embeddb.errors import CollectionNotFoundError
from embeddb.pipeline.generation.model import BoundModel
from embeddb.progress import Display, Silent
from embeddb.protocols import Encoder
from embeddb.repository.collections.collections import Collections
from embeddb.repository.queue.backfills import Backfills
from embeddb.repository.queue.jobs import Jobs
from embeddb.store import Store
from embeddb.worker.collection import WorkerCollection, bound_model
from embeddb.worker.connection import StoppedError
from embeddb.worker.context import WorkerContext
from embeddb.worker.heartbeat import Heartbeat
from embeddb.worker.index_maintenance import IndexMaintenance
from embeddb.worker.listener import Listener, Requests, job_ear, request_ear
from embeddb.worker.metrics_server import MetricsServer
from embeddb.worker.options import WorkerOptions
from embeddb.worker.pipeline import ModelPipeline
from embeddb.worker.privileges import check_shared

ONCE_CHECK_SECONDS = 0.05
PROGRESS_SECONDS = 0.5
SILENT_BEATS = 4
SLACK_SECONDS = 10.0

log = logging.getLogger("embeddb.worker")


@dataclass(frozen=True, kw_only=True, slots=True)
class WorkerReport:
    """What a worker did.

    Attributes:
        processed: jobs finished; `failed` were given up.
        retried: failures of rows that were then tried again.
        wasted: documents that were encoded and had changed meanwhile.
        encoded: texts that the models were given.
        problems: collections that it could not work for, and why.
        indexed: whether every index that was due could be built.
        unbuilt: collections whose index is left to their owner, whom the role is not.
    """

    processed: int
    failed: int
    retried: int
    wasted: int
    encoded: int
    seconds: float
    problems: dict[str, str] = field(default_factory=dict)
    indexed: bool = True
    unbuilt: tuple[str, ...] = ()

    @property
    def succeeded(self) -> bool:
        """Whether nothing failed for good."""
        return not self.failed and not self.problems and self.indexed


class Worker:
    """Keeps attached collections true; `run` blocks, `stop` ends it from another thread.

    Args:
        store: an open store, which checks that the schema is of this version.
        options: how to work.
        encoders: models that no name can load, such as objects of your own, by collection.
        requests: answers texts that SQL functions want encoded; None: nobody does here.
        display: hears how far a worker with `once` is.

    Raises:
        SchemaOutdatedError: (of the store, and of `run`) the schema is of another version.
    """

    def __init__(
        self,
        store: Store,
        options: WorkerOptions | None = None,
        *,
        encoders: Mapping[str, Encoder] | None = None,
        requests: Requests | None = None,
        display: Display | None = None,
    ) -> None:
        self._store = store
        self._options = options or WorkerOptions()
        self._display = display or Silent()
        self._shop = WorkerContext(
            store=store,
            options=self._options,
            jobs=Jobs(store.database),
            encoders=encoders or {},
        )
        self._backfills = Backfills(store.database)
        self._link = self._shop.link()
        self._members: dict[int, WorkerCollection] = {}
        self._foreign: set[int] = set()
        self._lanes: dict[str, ModelPipeline] = {}
        self._models: dict[str, BoundModel] = {}
        self._heart = Heartbeat(self._shop)
        self._upkeep = IndexMaintenance(self._shop, lambda: list(self._members.values()))
        self._ears: list[Listener] = [job_ear(self._shop, self._wake)]
        if requests is not None:
            self._ears.append(request_ear(self._shop, requests, self.model))
        self._started = time.monotonic()
        self._indexed = True

    def monitor(self, host: str, port: int) -> MetricsServer:
        """Make the HTTP server of metrics and health; the caller starts it."""
        return MetricsServer(self._shop, host, port, self._health, self._readiness)

    @property
    def healthy(self) -> bool:
        """Whether all of the worker's threads run."""
        return self._health()[0]

    def stop(self) -> None:
        """Claim nothing more, finish what is being encoded, and give the rest back.

        Not for a signal handler: it may interrupt whoever holds the lock that this takes.
        """
        if not self._shop.stopping.is_set():
            log.info("worker is stopping", extra={"leased": len(self._shop.leases)})
        self._shop.stopping.set()
        self._shop.news.set()

    def model(self, name: str) -> BoundModel:
        """Give the model of a collection, loaded when it first encodes, and kept.

        Raises:
            CollectionNotFoundError: there is none of that name.
        """
        record = Collections(self._store.database).get(name)
        kept = self._models.get(name)
        if kept is None or kept.generation != record.generation:
            kept = self._models[name] = bound_model(
                self._store, record, self._shop.encoders.get(name)
            )
        return kept

    def run(self) -> WorkerReport:
        """Work until `stop` is called, or with `once` until there is nothing left to do.

        Raises:
            CollectionNotFoundError: a collection that was asked for is not attached.
            SchemaOutdatedError: the schema was migrated meanwhile.
            DatabaseUnavailableError: the server is away; only with `once`, or at the start.
            PermissionDeniedError: the role may not use the queue.
        """
        try:
            schema = self._store.database.schema
            answers = len(self._ears) > 1
            self._link.run(lambda connection: check_shared(connection, schema, answers=answers))
            self._check_names()
            self._refresh()
            log.info("worker started", extra=self._told())
            self._start()
            self._watch()
        except StoppedError:
            pass
        finally:
            self._end()
        report = self._report()
        log.info("worker stopped", extra=_facts(report))
        if self._shop.error is not None:
            raise self._shop.error
        return report

    # its life

    def _start(self) -> None:
        self._heart.start()
        for ear in self._ears:
            ear.start()
        if self._options.build_indexes and not self._options.once:
            self._upkeep.start()

    def _watch(self) -> None:
        """Read the list of collections now and then, until the worker is to stop."""
        once = self._options.once
        read_at = told_at = time.monotonic()
        while not self._shop.stopping.is_set():
            news = self._shop.news.wait(ONCE_CHECK_SECONDS if once else self._options.poll_seconds)
            self._shop.news.clear()
            now = time.monotonic()
            if news or now - read_at >= self._options.poll_seconds:
                self._refresh()
                read_at = now
            if once and now - told_at >= PROGRESS_SECONDS:
                self._tell()
                told_at = now
            if once and self._is_drained():
                self._finish_once()
                return

    def _finish_once(self) -> None:
        self._tell()
        if self._options.build_indexes:
            self._indexed = self._upkeep.look_after(self._link, self._display)

    def _end(self) -> None:
        self._shop.stopping.set()
        for lane in self._lanes.values():
            lane.join()
        self._upkeep.join()
        for ear in self._ears:
            ear.join()
        self._heart.end()
        self._shop.torch.shutdown()
        self._link.close()

    # what it works for

    def _check_names(self) -> None:
        names = self._options.collections
        if names is None:
            return
        found = self._link.run(lambda connection: self._shop.jobs.collections(connection, names))
        missing = sorted(set(names) - set(found.values()))
        if missing:
            raise CollectionNotFoundError(
                f"There is no attached collection {missing[0]!r}: `embeddb status` lists those "
                "there are, and `embeddb attach` makes one."
            )

    def _refresh(self) -> None:
        """Take up collections that are new, let go of those that are gone, reread the rest."""
        names = self._options.collections
        found = self._link.run(lambda connection: self._shop.jobs.collections(connection, names))
        records = {record.name: record for record in Collections(self._store.database).all()}
        members: dict[int, WorkerCollection] = {}
        for id, name in found.items():
            if (record := records.get(name)) is None:
                continue
            member = self._members.get(id) or WorkerCollection(
                id,
                record,
                retry_seconds=self._options.retry_seconds,
                cap_seconds=self._options.longest_pause_seconds,
                encoder=self._shop.encoders.get(name),
            )
            member.refresh(record)
            members[id] = member
        self._members = members
        self._share_out()

    def _share_out(self) -> None:
        """Give each model's collections to its lane."""
        groups: dict[str, list[WorkerCollection]] = defaultdict(list)
        for member in self._members.values():
            model = member.record.generation.model
            groups["" if model is None else model.fingerprint].append(member)
        for key in groups.keys() - self._lanes.keys():
            self._lanes[key] = ModelPipeline(self._shop, str(len(self._lanes) + 1))
            self._lanes[key].start()
        for key, lane in self._lanes.items():
            lane.serve(tuple(groups.get(key, ())))

    def _wake(self, ids: set[int] | None) -> None:
        """Wake the lanes of these collections; a collection not known yet is looked for."""
        for lane in self._lanes.values():
            if ids is None or any(member.id in ids for member in lane.members):
                lane.wake.set()
        unknown = (ids or set()) - self._members.keys() - self._foreign
        if unknown:
            self._foreign |= unknown
            self._shop.news.set()

    # what is told

    def _is_drained(self) -> bool:
        ids = [one.id for one in self._members.values() if not one.given_up and not one.gone]
        if not ids:
            return not len(self._shop.leases)
        jobs, link = self._shop.jobs, self._link
        return (
            link.run(lambda connection: jobs.next_available(connection, ids)) is None
            and not link.run(lambda connection: self._backfills.unfinished(connection, ids))
            and not len(self._shop.leases)
        )

    def _tell(self) -> None:
        if isinstance(self._display, Silent):
            return
        counters = self._shop.counters
        done = counters.processed + counters.failed
        names = [member.name for member in self._members.values()]
        counts = self._link.run(lambda connection: self._shop.jobs.counts_on(connection, names))
        left = sum(one.pending + one.backfill_left for one in counts)
        self._display.documents(done, done + left)

    def _health(self) -> tuple[bool, str]:
        if self._shop.error is not None:
            return False, f"stopped: {type(self._shop.error).__name__}"
        lives = [self._heart.alive, *(lane.alive for lane in self._lanes.values())]
        lives += [ear.alive for ear in self._ears]
        fine = self._shop.stopping.is_set() or all(lives)
        return fine, "ok" if fine else "a thread has ended"

    def _readiness(self) -> tuple[bool, str]:
        if self._shop.stopping.is_set():
            return False, "stopping"
        limit = SILENT_BEATS * self._heart.every_seconds + SLACK_SECONDS
        if time.monotonic() - self._heart.beat_at > limit:
            return False, "the database does not answer"
        return self._health()

    def _told(self) -> dict[str, object]:
        return {
            "collections": len(self._members),
            "revision": self._store.database.server.migration,
            "once": self._options.once,
        }

    def _report(self) -> WorkerReport:
        counters = self._shop.counters
        return WorkerReport(
            processed=counters.processed,
            failed=counters.failed,
            retried=counters.retried,
            wasted=counters.wasted,
            encoded=counters.encoded,
            seconds=round(time.monotonic() - self._started, 3),
            problems={
                member.name: member.problem for member in self._members.values() if member.problem
            },
            indexed=self._indexed,
            unbuilt=self._upkeep.unbuilt,
        )


def _facts(report: WorkerReport) -> dict[str, object]:
    names = ("processed", "failed", "retried", "wasted", "encoded", "seconds")
    return {name: getattr(report, name) for name in names}
