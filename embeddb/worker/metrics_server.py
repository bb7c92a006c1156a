"""Metrics for Prometheus, and whether the worker lives and works, over HTTP."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

from prometheus_client import generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.registry import Collector

from embeddb.errors import ConfigurationError, EmbedDBError
from embeddb.repository.queue.jobs import QueueCounts
from embeddb.worker.context import WorkerContext

State = Callable[[], tuple[bool, str]]
"""Says whether something is so, and why not."""


class QueueCollector(Collector):
    """Asks the database for the queue's facts whenever Prometheus asks for them."""

    def __init__(self, shop: WorkerContext) -> None:
        self._shop = shop

    def collect(self) -> Iterator[Metric]:
        """Give the gauges; none of the queue's while the database is away."""
        leased = GaugeMetricFamily("embeddb_worker_leased_jobs", "Jobs this worker has in work.")
        leased.add_metric([], len(self._shop.leases))
        yield leased
        try:
            counts = self._shop.jobs.counts(self._shop.options.collections)
        except EmbedDBError:
            return
        yield _gauge("pending", "Jobs that are not done.", counts, lambda one: one.pending)
        yield _gauge("delayed", "Jobs put off.", counts, lambda one: one.delayed)
        yield _gauge("failed", "Rows given up.", counts, lambda one: one.failed)
        text = "Age of the oldest job; absent where there is none."
        yield _gauge("oldest_seconds", text, counts, lambda one: one.oldest_seconds)


def _gauge(
    name: str, text: str, counts: list[QueueCounts], value: Callable[[QueueCounts], float | None]
) -> Metric:
    gauge = GaugeMetricFamily("embeddb_queue_" + name, text, labels=["collection"])
    for one in counts:
        if (number := value(one)) is not None:
            gauge.add_metric([one.name], number)
    return gauge


class MetricsServer:
    """Serves /metrics, /healthz and /readyz.

    Args:
        host: where to listen.
        port: 0 takes a free one.
        healthy: whether the worker lives; where not, it should be started anew.
        ready: whether it is at work: the database answers, and it is not about to stop.

    Raises:
        ConfigurationError: the port cannot be had.
    """

    def __init__(
        self, shop: WorkerContext, host: str, port: int, healthy: State, ready: State
    ) -> None:
        registry = shop.counters.registry
        registry.register(QueueCollector(shop))
        pages = {
            "/metrics": lambda: (200, CONTENT_TYPE_LATEST, generate_latest(registry)),
            "/healthz": lambda: _state(healthy),
            "/readyz": lambda: _state(ready),
        }
        try:
            self._server = ThreadingHTTPServer((host, port), _handler(pages))
        except OSError as error:
            raise ConfigurationError(
                f"The metrics cannot be served at {host}:{port}: {error}. Choose another "
                "--metrics-port, or none."
            ) from error
        self._server.daemon_threads = True
        self._thread = Thread(
            target=self._server.serve_forever, name="embeddb-metrics", daemon=True
        )

    @property
    def address(self) -> tuple[str, int]:
        """Where it listens: host and port."""
        host, port = self._server.server_address[:2]
        return str(host), int(port)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """Stop."""
        self._server.shutdown()
        self._server.server_close()


def _state(state: State) -> tuple[int, str, bytes]:
    fine, why = state()
    return (200 if fine else 503), "text/plain; charset=utf-8", (why + "\n").encode()


def _handler(
    pages: dict[str, Callable[[], tuple[int, str, bytes]]],
) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            page = pages.get(self.path.split("?")[0])
            missing = (404, "text/plain; charset=utf-8", b"/metrics /healthz /readyz\n")
            status, kind, body = missing if page is None else page()
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments: object) -> None:
            """Leave the log to the worker."""

    return Handler
