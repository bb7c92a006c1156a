"""The reference of a worker's metrics, from the metrics that it registers."""

from __future__ import annotations

from types import SimpleNamespace

from prometheus_client import Metric

from embeddb.worker.metrics import WorkerMetrics
from embeddb.worker.metrics_server import QueueCollector

_SUFFIX = {"counter": "_total"}


def markdown() -> str:
    """Return a table of the metrics with type, labels and meaning."""
    rows = []
    for metric, labels in _metrics():
        name = metric.name + _SUFFIX.get(metric.type, "")
        cells = (f"`{name}`", metric.type, labels, metric.documentation)
        rows.append("| " + " | ".join(cells) + " |")
    head = ["| metric | type | labels | meaning |", "| --- | --- | --- | --- |"]
    return "\n".join(head + rows)


def _metrics() -> list[tuple[Metric, str]]:
    metrics = WorkerMetrics()
    names = {metric._name: metric._labelnames for metric in metrics.registry._collector_to_names}
    found = [(metric, _labels(names[metric.name])) for metric in metrics.registry.collect()]
    row = SimpleNamespace(name="docs", pending=0, delayed=0, failed=0, oldest_seconds=0)
    jobs = SimpleNamespace(counts=lambda _: [row])
    for metric in QueueCollector(jobs, (), None).collect():  # type: ignore[arg-type]
        found.append((metric, _labels(metric.samples[0].labels)))
    return found


def _labels(names: object) -> str:
    return ", ".join(f"`{name}`" for name in names)  # type: ignore[attr-defined]
