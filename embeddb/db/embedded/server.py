"""Start, stop and look at the embedded server."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from embeddb.config import Settings
from embeddb.db.embedded import address, launch, postmaster, provision
from embeddb.db.embedded.cluster import Cluster
from embeddb.db.embedded.postmaster import Postmaster
from embeddb.db.embedded.provision import Preparation
from embeddb.errors import ConfigurationError


@dataclass(frozen=True, kw_only=True, slots=True)
class Server:
    """A running embedded server.

    Attributes:
        url: libpq's, for any client; on a machine without Unix sockets it holds a password.
    """

    data_dir: Path
    pid: int
    url: str = field(repr=False)


@dataclass(frozen=True, kw_only=True, slots=True)
class ServerStatus:
    """Whether the embedded server runs, and how.

    Attributes:
        version: PostgreSQL's; None while it does not run, like pid and url.
        settings: what the server uses of the settings that embeddb sizes for the machine.
    """

    running: bool
    data_dir: Path
    log: Path
    pid: int | None = None
    url: str | None = field(default=None, repr=False)
    version: str | None = None
    settings: Mapping[str, str] = field(default_factory=dict)


def start(data_dir: Path | None = None, *, preparation: Preparation | None = None) -> Server:
    """Return the server of a data folder, which is created or started first if need be.

    Args:
        data_dir: None takes EMBEDDB_DATA_DIR, or the user's data folder.
        preparation: run once for each run of the server, before any caller who names it goes on.

    Raises:
        MissingDependencyError: the wheel is not installed.
        ConfigurationError: the folder cannot be used.
        DatabaseUnavailableError: the server does not start; the message ends with its log.
    """
    cluster = _cluster(data_dir)
    with _explained(cluster):
        server = _running(cluster, preparation)
        if server is None:
            with cluster.lock():
                server = _running(cluster, preparation) or _bring_up(cluster, preparation)
        return server


def stop(data_dir: Path | None = None, *, timeout_seconds: float = launch.STOP_SECONDS) -> bool:
    """Stop the server of a data folder, ending its clients' connections; return whether one ran."""
    cluster = _cluster(data_dir)
    with _explained(cluster):
        if postmaster.read(cluster.data) is None:
            return False
        with cluster.lock():
            process = postmaster.read(cluster.data)
            if process is not None:
                launch.bring_down(cluster, process, timeout_seconds)
            return process is not None


def status(data_dir: Path | None = None) -> ServerStatus:
    """Return the state of a data folder's server; nothing is started or created."""
    cluster = _cluster(data_dir)
    log = postmaster.log_file(cluster.data)
    with _explained(cluster):
        process = postmaster.read(cluster.data)
        if process is None or process.status != "ready":
            return ServerStatus(running=False, data_dir=cluster.data_dir, log=log)
        server = _server(cluster, process)
    version, settings = provision.describe(cluster, process)
    return ServerStatus(
        running=True,
        data_dir=cluster.data_dir,
        log=log,
        pid=server.pid,
        url=server.url,
        version=version,
        settings=settings,
    )


def _cluster(data_dir: Path | None) -> Cluster:
    return Cluster.at(data_dir or Settings.from_environment().data_dir)


def _running(cluster: Cluster, preparation: Preparation | None) -> Server | None:
    """Return the server if nothing is left to do for it; that takes no lock and no connection."""
    process = postmaster.read(cluster.data)
    if process is None or process.status != "ready" or not postmaster.has_programs(cluster.data):
        return None
    return _server(cluster, process) if provision.is_done(cluster, process, preparation) else None


def _bring_up(cluster: Cluster, preparation: Preparation | None) -> Server:
    process = launch.bring_up(cluster)
    provision.provision(cluster, process, preparation)
    return _server(cluster, process)


def _server(cluster: Cluster, process: Postmaster) -> Server:
    url = address.url(process, cluster.password_file)
    return Server(data_dir=cluster.data_dir, pid=process.pid, url=url)


@contextmanager
def _explained(cluster: Cluster) -> Iterator[None]:
    """Raise an error that says what to do in place of what the file system refuses."""
    try:
        yield
    except OSError as error:
        raise ConfigurationError(
            f"The embedded server cannot use {cluster.data_dir}: {error}\n"
            "Run as the folder's owner, make room, or set EMBEDDB_DATA_DIR to another folder."
        ) from error
