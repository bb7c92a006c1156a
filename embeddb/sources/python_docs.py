"""The documentation of the running Python, which every installation has."""

from __future__ import annotations

import platform
import sysconfig
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from embeddb.errors import ConfigurationError
from embeddb.records import Document, Failure
from embeddb.sources.docstrings import Docstring, module_docstrings
from embeddb.sources.stdlib_modules import COMMON_MODULES

_NOT_LIBRARY = frozenset(
    {"test", "tests", "idlelib", "idle_test", "lib2to3", "site-packages", "dist-packages"}
    | {"turtledemo", "pydoc_data", "ensurepip", "lib-dynload"}
)


@dataclass(frozen=True)
class PythonDocs:
    """Python's language topics and the docstrings of its standard library.

    Sources are parsed, never imported. An id is `topics/with` or `json.dumps`; metadata has
    kind (topic, module, class, function, method), module, name and python (e.g. 3.11).

    Attributes:
        modules: the top-level modules to read; None for those that everyday programs use,
            `"all"` for the whole public library, and () for the topics alone.

    Raises:
        ConfigurationError: a module that the standard library does not have.
    """

    modules: Sequence[str] | None = None

    def __post_init__(self) -> None:
        if self.modules is None or self.modules == "all":
            return
        if isinstance(self.modules, str):
            raise ConfigurationError(
                f"modules is {self.modules!r}: give a list of modules, None or 'all'."
            )
        if unknown := sorted(set(self.modules) - {name for name, _ in _public_modules(_root())}):
            raise ConfigurationError(
                f"The standard library has no Python source for {', '.join(unknown)}: "
                "name public top-level modules such as json."
            )

    def documents(self) -> Iterator[Document | Failure]:
        """Yield the topics, then the modules, by name; the same order at every run."""
        yield from _topics()
        wanted = self._wanted()
        for top, path in _public_modules(_root()):
            if wanted is None or top in wanted:
                yield from _module_documents(path)

    def count(self) -> int | None:
        """Return None: the number is not known without parsing the library."""
        return None

    def _wanted(self) -> Collection[str] | None:
        if self.modules == "all":
            return None
        return frozenset(COMMON_MODULES if self.modules is None else self.modules)


def _topics() -> Iterator[Document]:
    topics: dict[str, str] = import_module("pydoc_data.topics").topics
    for name in sorted(topics):
        yield Document(
            id=f"topics/{name}",
            content=topics[name].strip(),
            metadata=_metadata("topic", "", name),
            uri=f"pydoc:{name}",
            media_type="text/x-rst",
        )


def _root() -> Path:
    return Path(sysconfig.get_path("stdlib"))


def _public_modules(folder: Path) -> Iterator[tuple[str, Path]]:
    """Yield (top-level module, file) of the public modules below `folder`, by name."""
    entries = sorted(folder.iterdir(), key=lambda path: (path.stem, path.name))
    for path in entries:
        if path.name in _NOT_LIBRARY or (path.name.startswith("_") and path.stem != "__init__"):
            continue
        if path.suffix == ".py":
            parts = path.relative_to(_root()).with_suffix("").parts
            yield parts[0], path
        elif (path / "__init__.py").is_file() or (path.is_dir() and folder != _root()):
            yield from _public_modules(path)


def _module_documents(path: Path) -> Iterator[Document | Failure]:
    parts = path.relative_to(_root()).with_suffix("").parts
    module = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
    try:
        for docstring in module_docstrings(path.read_bytes(), module):
            yield _document(docstring, module, path)
    except (SyntaxError, ValueError, OSError) as error:
        yield Failure(id=module, error=type(error).__name__, message=str(error))


def _document(docstring: Docstring, module: str, path: Path) -> Document:
    return Document(
        id=docstring.name,
        content=f"{docstring.signature}\n\n{docstring.text}",
        metadata=_metadata(docstring.kind, module, docstring.name),
        uri=path.as_uri(),
        media_type="text/plain",
    )


def _metadata(kind: str, module: str, name: str) -> dict[str, str]:
    version = ".".join(platform.python_version_tuple()[:2])
    return {"kind": kind, "module": module, "name": name, "python": version}
