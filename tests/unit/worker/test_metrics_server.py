"""Metrics and health over HTTP."""

from __future__ import annotations

import urllib.error
import urllib.request
from collections.abc import Iterator

import pytest

from embeddb.errors import ConfigurationError
from embeddb.worker.metrics import WorkerMetrics
from embeddb.worker.metrics_server import MetricsServer


class States:
    """What the server is told of the worker."""

    healthy = (True, "ok")
    ready = (True, "ok")


@pytest.fixture
def states() -> States:
    return States()


@pytest.fixture
def server(states: States) -> Iterator[MetricsServer]:
    metrics = WorkerMetrics()
    metrics.done("docs", 3)
    made = MetricsServer(
        "127.0.0.1",
        0,
        registry=metrics.registry,
        healthy=lambda: states.healthy,
        ready=lambda: states.ready,
    )
    made.start()
    yield made
    made.stop()


def get(server: MetricsServer, path: str) -> tuple[int, str, str]:
    """Return the status, the content type and the text of an answer."""
    host, port = server.address
    try:
        answer = urllib.request.urlopen(f"http://{host}:{port}{path}", timeout=10)
    except urllib.error.HTTPError as error:
        answer = error
    with answer:
        return answer.status, answer.headers["Content-Type"], answer.read().decode()


def test_health_is_200_or_503_with_the_reason(server: MetricsServer, states: States) -> None:
    assert get(server, "/healthz") == (200, "text/plain; charset=utf-8", "ok\n")
    assert get(server, "/readyz?verbose")[0] == 200
    states.healthy = (False, "a thread has ended")
    states.ready = (False, "the database does not answer")
    assert get(server, "/healthz")[::2] == (503, "a thread has ended\n")
    assert get(server, "/readyz")[::2] == (503, "the database does not answer\n")


def test_metrics_are_those_of_the_registry(server: MetricsServer) -> None:
    status, kind, text = get(server, "/metrics")
    assert (status, kind.split(";")[0]) == (200, "text/plain")
    assert 'embeddb_worker_jobs_total{collection="docs",outcome="done"} 3.0' in text


def test_any_other_page_names_those_there_are(server: MetricsServer) -> None:
    assert get(server, "/")[::2] == (404, "/metrics /healthz /readyz\n")


def test_a_port_that_is_taken_is_an_error_that_names_the_option(server: MetricsServer) -> None:
    host, port = server.address
    with pytest.raises(ConfigurationError, match=f"{port}.*--metrics-port"):
        MetricsServer(
            host,
            port,
            registry=WorkerMetrics().registry,
            healthy=lambda: (True, "ok"),
            ready=lambda: (True, "ok"),
        )


def test_a_port_is_free_again_after_the_stop() -> None:
    def make(port: int) -> MetricsServer:
        return MetricsServer(
            "127.0.0.1",
            port,
            registry=WorkerMetrics().registry,
            healthy=lambda: (True, "ok"),
            ready=lambda: (True, "ok"),
        )

    first = make(0)
    first.start()
    first.stop()
    second = make(first.address[1])
    second.start()
    second.stop()
