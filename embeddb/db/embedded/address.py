"""Where clients find the server: a Unix socket that only its owner reaches, or a local port."""

from __future__ import annotations

import hashlib
import os
import socket
import stat
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

from embeddb.db.embedded.account import Account
from embeddb.db.embedded.postmaster import Postmaster
from embeddb.errors import ConfigurationError

SUPERUSER = "postgres"
DATABASE = "embeddb"

PORT = 5432
"""Only a part of the socket's name; sockets of several servers lie in several folders."""

SOCKET_PATH_BYTES = 103
"""What the shortest of the systems (macOS) takes for a Unix socket's path."""

UNIX_SOCKETS = os.name == "posix"

LOOPBACK = "127.0.0.1"


def settings(data: Path, account: Account | None) -> dict[str, str]:
    """Return PostgreSQL's settings for where to listen, of a server that is about to start."""
    if not UNIX_SOCKETS:
        with socket.create_server((LOOPBACK, 0)) as free:
            port = str(free.getsockname()[1])
        return {"listen_addresses": LOOPBACK, "port": port, "unix_socket_directories": ""}
    folder = _socket_folder(data, account)
    # No server runs now. PostgreSQL takes the lock of a killed one for valid while its pid is in
    # use, be it by another process or by nobody's zombie.
    (folder / f".s.PGSQL.{PORT}.lock").unlink(missing_ok=True)
    return {
        "listen_addresses": "",
        "port": str(PORT),
        # Quoted: this setting is a list, split at commas.
        "unix_socket_directories": f'"{folder}"',
        "unix_socket_permissions": "0700",
    }


def url(postmaster: Postmaster, password_file: Path, database: str = DATABASE) -> str:
    """Return libpq's URL; the port is in it so that PGPORT cannot lead elsewhere."""
    if postmaster.socket_dir:
        place = quote(postmaster.socket_dir)
        return f"postgresql://{SUPERUSER}@:{postmaster.port}/{database}?host={place}"
    password = quote(password_file.read_text("utf-8"))
    address = f"{postmaster.host}:{postmaster.port}"
    return f"postgresql://{SUPERUSER}:{password}@{address}/{database}"


def remove_socket_folder(data: Path, postmaster: Postmaster) -> None:
    """Remove the folder that was made for a stopped server's socket, if there was one."""
    if postmaster.socket_dir and Path(postmaster.socket_dir) != data:
        with suppress(OSError):
            Path(postmaster.socket_dir).rmdir()


def _socket_folder(data: Path, account: Account | None) -> Path:
    """Return a folder for the socket: beside the data, or in /tmp where that path is too long."""
    # At a comma libpq takes what follows for another host.
    if len(os.fsencode(data / f".s.PGSQL.{PORT}")) <= SOCKET_PATH_BYTES and "," not in str(data):
        return data
    folder = Path("/tmp", "embeddb-" + hashlib.sha256(os.fsencode(data)).hexdigest()[:16])
    with suppress(FileExistsError):
        folder.mkdir(mode=0o700)
        if account is not None:
            account.own(folder)
    # Anyone can make a folder in /tmp: one that others own or can enter is no place for the socket.
    info = folder.lstat()
    owner = account.uid if account else os.geteuid()
    if not stat.S_ISDIR(info.st_mode) or info.st_uid != owner or info.st_mode & 0o077:
        raise ConfigurationError(
            f"{folder}, where the server's socket belongs, is somebody else's. "
            "Set EMBEDDB_DATA_DIR to a folder with a shorter path."
        )
    return folder
