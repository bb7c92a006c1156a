"""What a worker counts."""

from __future__ import annotations

from prometheus_client import generate_latest

from embeddb.worker.metrics import WorkerMetrics


def test_rates_are_taken_over_the_last_minute() -> None:
    now = [0.0]
    metrics = WorkerMetrics(clock=lambda: now[0])
    now[0] = 30.0
    metrics.done("docs", 100)
    assert metrics.rates() == {"docs": 200.0}
    now[0] = 80.0
    assert metrics.rates() == {"docs": 100.0}
    now[0] = 100.0
    assert metrics.rates() == {"docs": 0.0}
    assert metrics.processed == 100


def test_every_count_is_exposed_by_collection() -> None:
    metrics = WorkerMetrics()
    metrics.done("docs", 5)
    metrics.retry("docs", 4)
    metrics.fail("docs", 3)
    metrics.waste("docs", 2)
    metrics.release("docs", 1)
    metrics.encode("docs", 7)
    metrics.observe("docs", "write", 0.2)
    counts = (metrics.processed, metrics.retried, metrics.failed, metrics.wasted, metrics.encoded)
    assert counts == (5, 4, 3, 2, 7)
    lines = generate_latest(metrics.registry).decode().splitlines()
    for outcome, count in (
        ("done", 5),
        ("retried", 4),
        ("failed", 3),
        ("wasted", 2),
        ("released", 1),
    ):
        line = f'embeddb_worker_jobs_total{{collection="docs",outcome="{outcome}"}} {count}.0'
        assert line in lines
    assert 'embeddb_worker_encoded_texts_total{collection="docs"} 7.0' in lines
    assert 'embeddb_worker_batch_seconds_sum{collection="docs",stage="write"} 0.2' in lines


def test_an_alert_on_the_name_that_a_metric_had_before_goes_on_working() -> None:
    metrics = WorkerMetrics()
    metrics.postpone("docs")
    lines = generate_latest(metrics.registry).decode().splitlines()
    assert 'embeddb_worker_postponed_total{collection="docs"} 1.0' in lines
    assert 'embeddb_worker_troubles_total{collection="docs"} 1.0' in lines
