"""The worker as a whole: its threads, started, watched and stopped."""

from __future__ import annotations

import logging
import time
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol, cast

from embeddb.db.database import Database
from embeddb.db.migrate import check_revision
from embeddb.encoders.loader import EncoderLoader
from embeddb.errors import CollectionNotFoundError, did_you_mean
from embeddb.pipeline.generation.model import BoundModel
from embeddb.progress import Display, Silent
from embeddb.protocols import Encoder
from embeddb.repository.attached.reconcile import is_drained
from embeddb.repository.catalog.reader import CatalogReader
from embeddb.repository.queue.jobs import Jobs
from embeddb.schema.catalog import CollectionRecord
from embeddb.worker.collection import WorkerCollection
from embeddb.worker.connection import StoppedError
from embeddb.worker.context import WorkerContext
from embeddb.worker.heartbeat import Heartbeat
from embeddb.worker.index_maintenance import IndexMaintenance
from embeddb.worker.listener import Listener, Requests, job_listener, request_listener
from embeddb.worker.metrics_server import MetricsServer, QueueCollector
from embeddb.worker.models import Models
from embeddb.worker.options import WorkerOptions
from embeddb.worker.pipeline import ModelPipeline
from embeddb.worker.privileges import check_queue
from embeddb.worker.reconciliation import interval

ONCE_CHECK_SECONDS = 0.05
"""How soon a worker that is to end notices that there is nothing left to do."""

PROGRESS_SECONDS = 0.5
"""How often it shows how far it is."""

MISSED_HEARTBEATS = 4
"""How many heartbeats in a row may fail before the worker is not ready."""

SLACK_SECONDS = 10.0

log = logging.getLogger("embeddb.worker")


class HasDatabase(Protocol):
    """Something with an open database, as `embeddb.Store` is."""

    @property
    def database(self) -> Database:
        """The connections to it."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class WorkerReport:
    """What a worker did.

    Attributes:
        processed: the number of jobs that it finished.
        failed: the number of jobs that it gave up.
        retried: the number of failures of rows that were then tried again.
        wasted: the number of documents that were encoded and had changed meanwhile.
        encoded: the number of texts that the models were given.
        seconds: from the making of the worker to its end.
        problems: why it could not work for a collection, by name.
        indexed: whether every index that was due could be built.
        unbuilt: the names of the collections whose index is left to the owner of their tables,
            which the role is not.
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
    """Keeps attached collections in step with their tables.

    `run` blocks until the work is done, or until another thread calls `stop`.

    Args:
        store: an open store, or its database. A worker on a store uses the models that the store
            has loaded; one on a database loads its own, with the settings of the environment.
        options: how to work.
        encoders: models that no name can load, such as objects of your own, by collection.
        requests: answers texts that SQL functions want encoded; None: this worker does not.
        display: is told how far a worker with `once` is.
    """

    def __init__(
        self,
        store: HasDatabase | Database,
        options: WorkerOptions | None = None,
        *,
        encoders: Mapping[str, Encoder] | None = None,
        requests: Requests | None = None,
        display: Display | None = None,
    ) -> None:
        self._database = cast(Database, getattr(store, "database", store))
        self._options = options or WorkerOptions()
        self._display = display or Silent()
        self._context = WorkerContext(
            database=self._database,
            options=self._options,
            jobs=Jobs(self._database),
            models=Models(self._database, _loader(store), encoders or {}),
        )
        self._catalog = CatalogReader(self._database)
        self._connection = self._context.new_connection()
        self._collections: dict[int, WorkerCollection] = {}
        self._not_ours: set[int] = set()
        self._pipelines: dict[str, ModelPipeline] = {}
        self._heartbeat = Heartbeat(self._context)
        self._indexes = IndexMaintenance(self._context, lambda: list(self._collections.values()))
        self._answers = requests is not None
        self._listeners: list[Listener] = [job_listener(self._context, self._wake)]
        if requests is not None:
            self._listeners.append(request_listener(self._context, requests))
        self._started = time.monotonic()
        self._indexed = True

    def monitor(self, host: str, port: int) -> MetricsServer:
        """Return the HTTP server of metrics and health; the caller starts and stops it.

        Raises:
            ConfigurationError: the server cannot listen there.
        """
        context = self._context
        registry = context.metrics.registry
        registry.register(QueueCollector(context.jobs, context.leases, self._options.collections))
        return MetricsServer(
            host, port, registry=registry, healthy=self._health, ready=self._readiness
        )

    @property
    def healthy(self) -> bool:
        """Whether all of the worker's threads run."""
        return self._health()[0]

    def stop(self) -> None:
        """Claim nothing more, finish what is being encoded, and put the rest back.

        It must not be called in a signal handler: that may have interrupted whoever holds the lock
        that this takes.
        """
        if not self._context.stopping.is_set():
            log.info("worker is stopping", extra={"leased": len(self._context.leases)})
        self._context.stopping.set()
        self._context.wake.set()

    def model(self, name: str) -> BoundModel:
        """Return the model of a collection, loaded when it first encodes, and kept.

        Raises:
            CollectionNotFoundError: there is none of that name.
            ModelMismatchError: the encoder given for the collection is another model.
        """
        return self._context.models.named(name)

    def run(self) -> WorkerReport:
        """Work until `stop` is called, or with `once` until there is nothing left to do.

        Raises:
            CollectionNotFoundError: a collection that was asked for is not attached.
            SchemaOutdatedError: the schema is of another version, or was migrated meanwhile.
            DatabaseUnavailableError: the server is away; only with `once`, or at the start.
            PermissionDeniedError: the role may not use the queue.
        """
        try:
            check_revision(self._database)
            self._connection.run(check_queue, self._database.schema, answers=self._answers)
            self._check_names()
            self._refresh()
            log.info("worker started", extra=self._start_fields())
            self._start()
            self._watch()
        except StoppedError:
            pass
        finally:
            self._end()
        report = self._report()
        log.info("worker stopped", extra=_stop_fields(report))
        if self._context.error is not None:
            raise self._context.error
        return report

    # its life

    def _start(self) -> None:
        self._heartbeat.start()
        for listener in self._listeners:
            listener.start()
        if self._options.build_indexes and not self._options.once:
            self._indexes.start()

    def _watch(self) -> None:
        """Read the list of collections now and then, until the worker is to stop."""
        once = self._options.once
        read_at = shown_at = time.monotonic()
        while not self._context.stopping.is_set():
            pause = ONCE_CHECK_SECONDS if once else self._options.poll_seconds
            woken = self._context.wake.wait(pause)
            self._context.wake.clear()
            now = time.monotonic()
            if woken or now - read_at >= self._options.poll_seconds:
                self._refresh()
                read_at = now
            if once and now - shown_at >= PROGRESS_SECONDS:
                self._show_progress()
                shown_at = now
            if once and self._is_drained():
                self._finish_once()
                return

    def _finish_once(self) -> None:
        self._show_progress()
        if self._options.build_indexes:
            self._indexed = self._indexes.maintain(self._connection, self._display)

    def _end(self) -> None:
        """Stop every thread; the heartbeat last, which renews the leases of what is still done."""
        self._context.stopping.set()
        for pipeline in self._pipelines.values():
            pipeline.join()
        self._indexes.join()
        for listener in self._listeners:
            listener.join()
        self._heartbeat.end()
        self._context.torch.shutdown()
        self._connection.close()

    # what it works for

    def _check_names(self) -> None:
        names = self._options.collections
        if names is None:
            return
        found = self._connection.run(self._context.jobs.collections, names)
        missing = sorted(set(names) - set(found.values()))
        if missing:
            attached = self._connection.run(self._context.jobs.collections, None).values()
            raise CollectionNotFoundError(
                f"There is no attached collection {missing[0]!r}: `embeddb status` lists those "
                f"there are, and `embeddb attach` makes one.{did_you_mean(missing[0], attached)}"
            )

    def _refresh(self) -> None:
        """Take up collections that are new, let go of those that are gone, reread the rest."""
        names = self._options.collections
        attached = self._connection.run(self._context.jobs.collections, names, at_work=True)
        records = {record.name: record for record in self._catalog.all()}
        self._collections = {
            id: self._refreshed(id, records[name])
            for id, name in attached.items()
            if name in records  # it may have been dropped between the two reads
        }
        self._assign()

    def _refreshed(self, id: int, record: CollectionRecord) -> WorkerCollection:
        collection = self._collections.get(id) or WorkerCollection(
            id,
            record,
            retry_seconds=self._options.retry_seconds,
            cap_seconds=self._options.longest_pause_seconds,
        )
        collection.refresh(record)
        return collection

    def _assign(self) -> None:
        """Assign each collection to the pipeline of its model."""
        groups: dict[str, list[WorkerCollection]] = defaultdict(list)
        for collection in self._collections.values():
            model = collection.record.generation.model
            groups["" if model is None else model.fingerprint].append(collection)
        for key in groups.keys() - self._pipelines.keys():
            self._pipelines[key] = ModelPipeline(self._context, str(len(self._pipelines) + 1))
            self._pipelines[key].start()
        for key, pipeline in self._pipelines.items():
            pipeline.serve(tuple(groups.get(key, ())))

    def _wake(self, ids: set[int] | None) -> None:
        """Wake the pipelines of these collections, all of them for None.

        The list of collections is read anew for one that is not known; only once for each, since
        it may be another worker's.
        """
        for pipeline in self._pipelines.values():
            if ids is None or any(one.id in ids for one in pipeline.collections):
                pipeline.wake.set()
        unknown = (ids or set()) - self._collections.keys() - self._not_ours
        if unknown:
            self._not_ours |= unknown
            self._context.wake.set()

    # what is told

    def _is_drained(self) -> bool:
        """Return whether nothing is left to do for a worker that is to end."""
        ids = [one.id for one in self._collections.values() if not one.given_up and not one.gone]
        if not ids:
            return not len(self._context.leases)
        run = self._connection.run
        seconds = interval(self._context)
        drained = run(is_drained, self._database.schema, ids, seconds)
        return drained and not len(self._context.leases)

    def _show_progress(self) -> None:
        if isinstance(self._display, Silent):
            return
        metrics = self._context.metrics
        done = metrics.processed + metrics.failed
        names = [collection.name for collection in self._collections.values()]
        counts = self._connection.run(self._context.jobs.counts_on, names)
        left = sum(one.pending + one.backfill_left for one in counts)
        self._display.documents(done, done + left)

    def _health(self) -> tuple[bool, str]:
        """Return whether the worker lives, and why not."""
        if self._context.error is not None:
            return False, f"stopped: {type(self._context.error).__name__}"
        if self._context.stopping.is_set():
            return True, "ok"
        alive = self._heartbeat.alive and all(
            [pipeline.alive for pipeline in self._pipelines.values()]
            + [listener.alive for listener in self._listeners]
        )
        return alive, "ok" if alive else "a thread has ended"

    def _readiness(self) -> tuple[bool, str]:
        """Return whether the worker works, and why not."""
        if self._context.stopping.is_set():
            return False, "stopping"
        limit = MISSED_HEARTBEATS * self._heartbeat.interval_seconds + SLACK_SECONDS
        if time.monotonic() - self._heartbeat.last_at > limit:
            return False, "the database does not answer"
        return self._health()

    def _start_fields(self) -> dict[str, object]:
        return {
            "collections": len(self._collections),
            "revision": self._database.server.migration,
            "once": self._options.once,
        }

    def _report(self) -> WorkerReport:
        metrics = self._context.metrics
        return WorkerReport(
            processed=metrics.processed,
            failed=metrics.failed,
            retried=metrics.retried,
            wasted=metrics.wasted,
            encoded=metrics.encoded,
            seconds=round(time.monotonic() - self._started, 3),
            problems={one.name: one.error for one in self._collections.values() if one.error},
            indexed=self._indexed,
            unbuilt=self._indexes.unbuilt,
        )


def _loader(store: HasDatabase | Database) -> EncoderLoader:
    """Return the loader of a store, so that both use one model, or else one of the worker's own."""
    shared = getattr(store, "encoders", None)
    return shared if isinstance(shared, EncoderLoader) else EncoderLoader.from_environment()


def _stop_fields(report: WorkerReport) -> dict[str, object]:
    names = ("processed", "failed", "retried", "wasted", "encoded", "seconds")
    return {name: getattr(report, name) for name in names}
