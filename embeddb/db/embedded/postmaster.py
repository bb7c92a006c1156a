"""The server's main process, as its lock file postmaster.pid describes it."""

from __future__ import annotations

import logging
import shlex
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from embeddb.errors import DatabaseError

_log = logging.getLogger(__name__)

POLL_SECONDS = 0.05
LEFTOVER_SECONDS = 5.0
PATIENCE_SECONDS = 10.0
"""How long a wait stays silent."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Postmaster:
    """The content of the lock file; the later lines appear only while the server starts."""

    pid: int
    started: str
    port: str = ""
    socket_dir: str = ""
    host: str = ""
    status: str = "starting"

    @property
    def identity(self) -> str:
        """A text that no other run of the server has."""
        return f"{self.pid} {self.started}"


def read(data: Path) -> Postmaster | None:
    """Return the postmaster of a data folder if it is alive, whatever state it is in."""
    try:
        lines = [line.strip() for line in (data / "postmaster.pid").read_text().splitlines()]
    except (FileNotFoundError, NotADirectoryError):
        return None
    # pid, data folder, start time, port, socket folder, address, shared memory key, status
    if len(lines) < 3 or not lines[0].isdigit() or not serves(int(lines[0]), data):
        return None
    names = ("port", "socket_dir", "host")
    fields = dict(zip(names, lines[3:6], strict=False))
    if len(lines) >= 8:
        fields["status"] = lines[7]
    return Postmaster(pid=int(lines[0]), started=lines[2], **fields)


def serves(pid: int, data: Path) -> bool:
    """Return whether the process is this folder's server; another may have its old pid."""
    try:
        process = psutil.Process(pid)
        alive = process.status() != psutil.STATUS_ZOMBIE
        return alive and _is_postgres(process) and str(data) in process.cmdline()
    except psutil.Error:
        # A process that we may not look at is another user's, and the server never is.
        return False


def has_programs(data: Path) -> bool:
    """Return whether the programs that the server runs from are still there.

    A server whose installation was deleted (an old virtual environment) goes on running, but
    cannot load pgvector.
    """
    try:
        command = shlex.split((data / "postmaster.opts").read_text())
    except FileNotFoundError:
        return True
    return not command or Path(command[0]).exists()


def settled(data: Path) -> Postmaster | None:
    """Wait until the server is ready, or gone."""
    waiting = Waiting(data)
    while (postmaster := read(data)) is not None and postmaster.status != "ready":
        waiting.tell()
        time.sleep(POLL_SECONDS)
    return postmaster


def wait_until_gone(pid: int, data: Path, seconds: float) -> None:
    """Wait for a server that was asked to stop.

    Raises:
        DatabaseError: it is still there.
    """
    deadline = time.monotonic() + seconds
    while serves(pid, data):
        if time.monotonic() > deadline:
            raise DatabaseError(
                f"The server of {data} (process {pid}) is still stopping after {seconds:.0f} s."
            )
        time.sleep(POLL_SECONDS)


def clear_leftovers(data: Path) -> None:
    """End what is left of a server that is gone, and its lock file.

    Processes of a killed server hold its shared memory, so that it cannot start; a server whose
    folder was deleted would, when it ends, remove the socket of a new one at the same place.
    A lock file that names some other process by now would stop the start as well.
    """
    leftovers = list(_leftovers(data))
    for process in leftovers:
        _send(process, getattr(signal, "SIGQUIT", signal.SIGTERM))
    _, alive = psutil.wait_procs(leftovers, timeout=LEFTOVER_SECONDS)
    for process in alive:
        _send(process, getattr(signal, "SIGKILL", signal.SIGTERM))
    psutil.wait_procs(alive, timeout=LEFTOVER_SECONDS)
    (data / "postmaster.pid").unlink(missing_ok=True)


class Waiting:
    """Logs now and then that a start takes long, and where to look."""

    def __init__(self, data: Path) -> None:
        self._data = data
        self._next = time.monotonic() + PATIENCE_SECONDS

    def tell(self) -> None:
        """Log a line if the last one was long ago."""
        if time.monotonic() < self._next:
            return
        self._next += PATIENCE_SECONDS
        _log.warning(
            "PostgreSQL in %s is still starting; after a crash it first recovers. Its log: %s",
            self._data,
            log_file(self._data),
        )


def log_file(data: Path) -> Path:
    """Return where the server writes its log."""
    return data / "server.log"


def _leftovers(data: Path) -> Iterator[psutil.Process]:
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            alive = _is_postgres(process) and process.status() != psutil.STATUS_ZOMBIE
            if alive and (str(data) in process.cmdline() or _works_in(process, data)):
                yield process


def _works_in(process: psutil.Process, data: Path) -> bool:
    """Return whether a process works in the folder: the server's children show no arguments."""
    return str(process.cwd()).removesuffix(" (deleted)") == str(data)


def _is_postgres(process: psutil.Process) -> bool:
    return str(process.name()).removesuffix(".exe") == "postgres"


def _send(process: psutil.Process, number: int) -> None:
    with suppress(psutil.NoSuchProcess):
        process.send_signal(number)
