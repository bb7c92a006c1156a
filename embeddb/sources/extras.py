"""The error where an optional package is not installed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from embeddb.errors import MissingDependencyError


@contextmanager
def needs_documents_extra(what: str) -> Iterator[None]:
    """Turn a failed import in the block into an error that names the extra to install.

    Raises:
        MissingDependencyError: an import failed.
    """
    try:
        yield
    except ImportError as error:
        raise MissingDependencyError(
            f"{what} need a package that is not installed ({error.name}): "
            "run pip install 'embeddb[documents]'."
        ) from error
