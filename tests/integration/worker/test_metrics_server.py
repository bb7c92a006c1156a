"""The queue's gauges, while the database is there and while it is away."""

from __future__ import annotations

import socket

from psycopg_pool import ConnectionPool

import embeddb
from embeddb.db.pooled import PooledDatabase
from embeddb.repository.queue.jobs import Jobs
from embeddb.worker.leases import Leases
from embeddb.worker.metrics_server import QueueCollector
from tests.support.attaching import articles, attach
from tests.support.postgres import rows
from tests.support.workers import claim

NAMES = ["embeddb_queue_pending", "embeddb_queue_delayed", "embeddb_queue_failed"]


def gauges(collector: QueueCollector) -> dict[str, dict[str, float]]:
    """Return the value of each gauge by collection, "" for one without."""
    return {
        metric.name: {one.labels.get("collection", ""): one.value for one in metric.samples}
        for metric in collector.collect()
    }


def test_the_queue_is_read_when_it_is_asked_for(store: embeddb.Store) -> None:
    articles(store.url, 2)
    attach(store, name="articles")
    attach(store, name="others")
    leases = Leases()
    leases.add(claim("a", "b"))
    collector = QueueCollector(Jobs(store.database), leases, ("articles",))
    found = gauges(collector)
    assert found["embeddb_worker_leased_jobs"] == {"": 2}
    assert [found[name] for name in NAMES] == [{"articles": 0}] * 3
    assert found["embeddb_queue_oldest_seconds"] == {}
    rows(store.url, "UPDATE articles SET body = 'changed'")
    found = gauges(collector)
    assert found["embeddb_queue_pending"] == {"articles": 2}
    assert found["embeddb_queue_oldest_seconds"]["articles"] > 0
    everything = gauges(QueueCollector(Jobs(store.database), leases, None))
    assert everything["embeddb_queue_pending"] == {"articles": 2, "others": 2}


def test_what_the_worker_itself_knows_is_told_without_the_database() -> None:
    with socket.socket() as bound:  # nobody listens there
        bound.bind(("127.0.0.1", 0))
        url = f"postgresql://nobody@127.0.0.1:{bound.getsockname()[1]}/none"
        with ConnectionPool(url, min_size=0, max_size=1, timeout=0.1) as pool:
            collector = QueueCollector(Jobs(PooledDatabase(pool)), Leases(), None)
            assert gauges(collector) == {"embeddb_worker_leased_jobs": {"": 0}}
