"""The files of a folder in an object store, or wherever else fsspec reads."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from embeddb.errors import MissingDependencyError, SourceError
from embeddb.sources.tree import Entry, Kind, Tree, check_size

MARK = "://"

# Stores that somebody set up for files. Web pages are not among them: whoever names a page must
# not reach what only this machine can reach.
PROTOCOLS = frozenset({"s3", "s3a", "gs", "gcs", "az", "abfs", "abfss", "adl", "oci", "memory"})

_KINDS: dict[str, Kind] = {"file": "file", "directory": "folder"}


@dataclass(frozen=True, slots=True)
class Remote:
    """A folder of a file system of fsspec; its files are read without a copy on this machine."""

    system: Any
    root: str

    def entries(self, folder: str) -> list[Entry]:
        """Return what is in a folder, sorted by name."""
        place = self._path(folder)
        with _as_os_error():
            found = self.system.ls(place, detail=True)
        return sorted(
            Entry(name, _KINDS.get(entry["type"], "other"))
            for entry in found
            # an empty object may stand for the folder itself
            if (name := self._name(entry["name"], place))
        )

    def read(self, name: str, limit: int) -> bytes:
        """Return the bytes of a file, at most `limit`."""
        with _as_os_error(), self.system.open(self._path(name), "rb") as file:
            data: bytes = file.read(limit + 1)
        check_size(len(data), limit)
        return data

    def uri(self, name: str) -> str:
        """Return the address of a file, with the protocol."""
        return str(self.system.unstrip_protocol(self._path(name)))

    def repository(self) -> list[tuple[Tree, str]]:
        """Return nothing: what is above the folder is not looked at."""
        return []

    def _path(self, name: str) -> str:
        return f"{self.root}/{name}" if name else self.root

    def _name(self, path: str, folder: str) -> str:
        return path.rstrip("/").removeprefix(folder.rstrip("/")).lstrip("/")


def is_address(path: object) -> bool:
    """Return whether a path is an address such as `s3://bucket/docs`."""
    return isinstance(path, str) and MARK in path


def open_remote(address: str) -> tuple[Remote, str | None]:
    """Return the folder at an address, or the folder of a file and the file's name.

    Raises:
        SourceError: there is nothing at the address, or it cannot be reached.
        MissingDependencyError: fsspec, or its package for the protocol, is not installed.
    """
    protocol = address.partition(MARK)[0].lower()
    if protocol in ("http", "https"):
        raise SourceError(
            f"Pages are read from {protocol}{MARK} addresses only where their hosts are allowed: "
            "use embeddb.sources.URLs([…], allow=[HOST]), or --allow-host HOST."
        )
    if protocol not in PROTOCOLS:
        known = ", ".join(name + MARK for name in sorted(PROTOCOLS))
        raise SourceError(
            f"Files are not read from {protocol}{MARK} addresses: give a path, or one of {known}."
        )
    try:
        from fsspec.core import url_to_fs

        system, root = url_to_fs(address)
    except ImportError as error:
        raise MissingDependencyError(
            f"{protocol}{MARK} addresses need a package that is not installed ({error}): run "
            "pip install 'embeddb[remote]', and what fsspec needs for the protocol, such as s3fs."
        ) from error
    root = root.rstrip("/")
    try:
        with _as_os_error():
            system.invalidate_cache()  # a listing of an earlier run
            if system.isdir(root):
                return Remote(system, root), None
            is_file = system.isfile(root)
    except OSError as error:
        raise SourceError(f"{protocol}{MARK}{root} cannot be read: {error}.") from error
    if not is_file:
        raise SourceError(f"There is nothing at {protocol}{MARK}{root}: check the address.")
    folder, _, name = root.rpartition("/")
    return Remote(system, folder), name


@contextmanager
def _as_os_error() -> Iterator[None]:
    """Turn the errors of the many libraries below fsspec into one."""
    try:
        yield
    except OSError:
        raise
    except Exception as error:
        raise OSError(f"{type(error).__name__}: {error}") from error
