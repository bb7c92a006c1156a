"""Bring the server up, whatever state it was left in, and down again."""

from __future__ import annotations

import subprocess
import tempfile
from contextlib import suppress
from pathlib import Path

from embeddb.db.embedded import address, postmaster, wheel
from embeddb.db.embedded.account import Account
from embeddb.db.embedded.cluster import Cluster
from embeddb.db.embedded.postmaster import Postmaster
from embeddb.errors import DatabaseUnavailableError

START_SECONDS = 86_400
"""pg_ctl ends a server that takes longer to start, and recovery after a crash may take long."""

STOP_SECONDS = 300.0
"""A stop writes what is in memory to disk first."""

LOG_BYTES = 16 * 1024**2
LOG_LINES = 15


def bring_up(cluster: Cluster) -> Postmaster:
    """Wait for a server that is starting, or start one; the caller holds the lock.

    Raises:
        DatabaseUnavailableError: it does not start; the message ends with its log.
    """
    account = cluster.account()
    process = postmaster.settled(cluster.data)
    if process is not None and not postmaster.has_programs(cluster.data):
        bring_down(cluster, process, STOP_SECONDS)
        process = None
    if process is None:
        _prepare(cluster, account)
        _launch(cluster, account)
        process = postmaster.settled(cluster.data)
    if process is None:
        raise _not_started(cluster.data)
    return process


def bring_down(cluster: Cluster, process: Postmaster, seconds: float) -> None:
    """Stop the server, ending its clients' connections; the caller holds the lock."""
    arguments = ("stop", "-m", "fast", "-W", "-D", cluster.data)
    wheel.run("pg_ctl", *arguments, account=cluster.account())
    postmaster.wait_until_gone(process.pid, cluster.data, seconds)
    address.remove_socket_folder(cluster.data, process)


def _prepare(cluster: Cluster, account: Account | None) -> None:
    postmaster.clear_leftovers(cluster.data)
    if not cluster.data.exists():
        cluster.create(account)
    cluster.configure(account)
    log = postmaster.log_file(cluster.data)
    if log.exists() and log.stat().st_size > LOG_BYTES:
        log.replace(log.with_suffix(".log.1"))


def _launch(cluster: Cluster, account: Account | None) -> None:
    log = postmaster.log_file(cluster.data)
    arguments = ("start", "-w", "-t", str(START_SECONDS), "-D", cluster.data, "-l", log)
    waiting = postmaster.Waiting(cluster.data)
    with tempfile.TemporaryFile("w+", errors="replace") as output:
        process = wheel.launch("pg_ctl", *arguments, account=account, output=output)
        while process.poll() is None:
            waiting.tell()
            with suppress(subprocess.TimeoutExpired):
                process.wait(timeout=postmaster.POLL_SECONDS)
        if process.returncode != 0:
            output.seek(0)
            raise _not_started(cluster.data, output.read())


def _not_started(data: Path, output: str = "") -> DatabaseUnavailableError:
    log = postmaster.log_file(data)
    lines = log.read_text("utf-8", "replace").splitlines() if log.exists() else []
    # pg_ctl shows a dot a line while it waits.
    reason = " ".join(line for line in output.splitlines() if line.strip("."))
    tail = "\n".join(lines[-LOG_LINES:]) or "(empty)"
    return DatabaseUnavailableError(
        f"The embedded PostgreSQL server in {data} did not start. {reason}\n"
        f"The end of its log, {log}:\n{tail}"
    )
