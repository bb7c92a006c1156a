"""`embeddb worker`: keeps attached collections in sync with their tables."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from enum import StrEnum
from threading import Thread
from typing import TYPE_CHECKING, Annotated, Any

import typer

from embeddb.cli.common.context import CommandContext
from embeddb.cli.common.failure import FAILED
from embeddb.cli.common.groups import with_groups
from embeddb.cli.common.output import emit, err, facts, out, say, table

if TYPE_CHECKING:
    from embeddb.store import Store
    from embeddb.worker import Worker, WorkerOptions, WorkerReport

SIGNALS = (signal.SIGTERM, signal.SIGINT)
SIGNALLED = 128
"""What shells add to the number of the signal that ended a program."""


class LogFormat(StrEnum):
    """How the log is written."""

    TEXT = "text"
    JSON = "json"


@with_groups
def worker(
    *,
    once: Annotated[
        bool,
        typer.Option(
            "--once",
            help="Do what there is to do, and end; exit with 1 if a row failed or a collection "
            "could not be served.",
        ),
    ] = False,
    collections: Annotated[
        str | None,
        typer.Option(
            "--collections",
            metavar="A,B",
            help="Serve only these. Default: all attached collections, future ones too.",
        ),
    ] = None,
    concurrency: Annotated[
        int,
        typer.Option(
            "--concurrency",
            min=1,
            help="How many batches to send to one endpoint at the same time. Models on this "
            "machine encode one batch at a time.",
        ),
    ] = 1,
    batch: Annotated[
        int, typer.Option("--batch", min=1, help="How many rows to claim together.")
    ] = 256,
    max_attempts: Annotated[
        int,
        typer.Option("--max-attempts", min=1, help="How often to try a row before giving it up."),
    ] = 5,
    lease_seconds: Annotated[
        float,
        typer.Option(
            "--lease-seconds",
            help="How long until another worker takes over what a dead one had claimed.",
        ),
    ] = 60.0,
    poll_seconds: Annotated[
        float,
        typer.Option(
            "--poll-seconds", help="How often to look for jobs that no notification announced."
        ),
    ] = 5.0,
    reconcile_seconds: Annotated[
        float,
        typer.Option(
            "--reconcile-seconds",
            min=0,
            help="How often to compare each collection with its table, for changes that no trigger "
            "noticed; 0: only after it was attached again.",
        ),
    ] = 21_600.0,
    no_index: Annotated[
        bool, typer.Option("--no-index", help="Do not build missing vector indexes.")
    ] = False,
    metrics_port: Annotated[
        int | None,
        typer.Option(
            "--metrics-port", help="Serve `/metrics`, `/healthz` and `/readyz` on this port."
        ),
    ] = None,
    metrics_host: Annotated[
        str, typer.Option("--metrics-host", help="The address to serve them on.")
    ] = "127.0.0.1",
    log_format: Annotated[
        LogFormat, typer.Option("--log-format", help="The format of the log on stderr.")
    ] = LogFormat.TEXT,
    ctx: CommandContext,
) -> None:
    """Keep attached collections in sync with their tables: encode what changed, and store it.

    A worker runs until SIGTERM or Ctrl-C. It then finishes the batch that is being encoded, and
    gives the rest back to the queue. A second signal ends it at once: another worker takes over
    once the lease has expired. Any number of workers may run, on any number of machines.
    """
    from embeddb.worker import WorkerOptions
    from embeddb.worker.logs import set_up

    options = WorkerOptions(
        once=once,
        concurrency=concurrency,
        collections=_names(collections),
        poll_seconds=poll_seconds,
        reconcile_seconds=reconcile_seconds,
        lease_seconds=lease_seconds,
        max_attempts=max_attempts,
        batch=batch,
        build_indexes=not no_index,
    )
    set_up(log_format.value)
    with ctx.store() as store:
        address = None if metrics_port is None else (metrics_host, metrics_port)
        report = _run(store, options, address)
    if ctx.as_json:
        emit(asdict(report) | {"succeeded": report.succeeded})
    elif once:
        _print(report)
    if once and not report.succeeded:
        raise typer.Exit(FAILED)


def _print(report: WorkerReport) -> None:
    names = ("processed", "failed", "retried", "wasted", "encoded")
    pairs: list[tuple[str, object]] = [(name, f"{getattr(report, name):,}") for name in names]
    out.print(facts([*pairs, ("seconds", f"{report.seconds:,.1f}")]))
    if report.problems:
        columns = ("collection", "why it was left")
        out.print(table(columns, report.problems.items(), prose=columns[1]))
    for name in report.unbuilt:
        say(f"The owner of {name}'s tables has to build its index: embeddb index build {name}")


def _run(store: Store, options: WorkerOptions, address: tuple[str, int] | None) -> WorkerReport:
    from embeddb.worker import Worker
    from embeddb.worker.query_encoding import QueryEncoder

    # a worker that soon ends is none that somebody should wait for
    serve = None if options.once else QueryEncoder(store.database.schema, options.collections)
    with _display(options) as display:
        made = Worker(store, options, requests=serve, display=display)
        monitor = None if address is None else made.monitor(*address)
        with _stopped_by_signals(made):
            if monitor is not None:
                monitor.start()
            try:
                return made.run()
            finally:
                if monitor is not None:
                    monitor.stop()


@contextmanager
def _display(options: WorkerOptions) -> Iterator[Any]:
    """Show a bar for a worker that is to end, on a terminal."""
    if not options.once or not err.is_terminal:
        yield None
        return
    from embeddb.progress import Bars

    with Bars() as bars:
        yield bars


@contextmanager
def _stopped_by_signals(worker: Worker) -> Iterator[None]:
    """Stop the worker at the first signal, and the process at the second."""
    seen = 0

    def stop(number: int, frame: object) -> None:
        nonlocal seen
        seen += 1
        if seen > 1:
            os._exit(SIGNALLED + number)
        # in a thread: the one that is interrupted may hold the lock of what is to be set
        Thread(target=worker.stop, daemon=True).start()

    before = {number: signal.signal(number, stop) for number in SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _names(text: str | None) -> tuple[str, ...] | None:
    if text is None:
        return None
    names = tuple(name.strip() for name in text.split(",") if name.strip())
    if not names:
        raise typer.BadParameter(
            "It names no collection: leave it out to serve all.", param_hint="--collections"
        )
    return names
