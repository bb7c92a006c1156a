"""Metrics for Prometheus, and whether the worker lives and works, over HTTP."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import TypeAlias

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.registry import Collector

from embeddb.errors import ConfigurationError, EmbedDBError
from embeddb.repository.queue.jobs import Jobs, QueueCounts
from embeddb.worker.leases import Leases

State: TypeAlias = Callable[[], tuple[bool, str]]
"""Returns whether something is so, and why not."""

Page: TypeAlias = Callable[[], tuple[int, str, bytes]]
"""Returns the status, the content type and the body of an answer."""

PLAIN_TEXT = "text/plain; charset=utf-8"


class QueueCollector(Collector):
    """Reads what the queue holds from the database whenever Prometheus asks.

    Args:
        jobs: the queue.
        leases: what the worker is working on.
        collections: the names of those that are counted; None: all that are attached.
    """

    def __init__(self, jobs: Jobs, leases: Leases, collections: Sequence[str] | None) -> None:
        self._jobs = jobs
        self._leases = leases
        self._collections = collections

    def collect(self) -> Iterator[Metric]:
        """Yield the gauges; none of the queue's while the database is away."""
        leased = GaugeMetricFamily("embeddb_worker_leased_jobs", "Jobs this worker has in work.")
        leased.add_metric([], len(self._leases))
        yield leased
        try:
            counts = self._jobs.counts(self._collections)
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
    """Serves /metrics, /healthz and /readyz, in threads of its own.

    Args:
        host: the address to listen at.
        port: 0 takes a free one.
        registry: the metrics.
        healthy: whether the worker lives; if not, it should be restarted.
        ready: whether it works: the database answers, and it is not about to stop.

    Raises:
        ConfigurationError: the server cannot listen there.
    """

    def __init__(
        self, host: str, port: int, *, registry: CollectorRegistry, healthy: State, ready: State
    ) -> None:
        pages: dict[str, Page] = {
            "/metrics": lambda: (200, CONTENT_TYPE_LATEST, generate_latest(registry)),
            "/healthz": lambda: _state_page(healthy),
            "/readyz": lambda: _state_page(ready),
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
        """The host and the port that it listens at."""
        host, port = self._server.server_address[:2]
        return str(host), int(port)

    def start(self) -> None:
        """Start to answer."""
        self._thread.start()

    def stop(self) -> None:
        """Stop, and free the port."""
        self._server.shutdown()
        self._server.server_close()


def _state_page(state: State) -> tuple[int, str, bytes]:
    so, why = state()
    return (200 if so else 503), PLAIN_TEXT, (why + "\n").encode()


def _handler(pages: dict[str, Page]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            page = pages.get(self.path.split("?")[0])
            missing = (404, PLAIN_TEXT, (" ".join(pages) + "\n").encode())
            status, kind, body = missing if page is None else page()
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments: object) -> None:
            """Write nothing: the log is the worker's."""

    return Handler
