"""Which source a document belongs to, and when an id is refused because it is another source's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from embeddb.errors import SourceConflictError
from embeddb.repository.collections.document_reader import Known
from embeddb.repository.collections.document_sources import DocumentSource
from embeddb.repository.collections.documents import ReadyDocument
from embeddb.sources.identity import local_path

GLOB_MARKS = frozenset("*?[")


class Ownership:
    """Decides to which source each document of a run belongs.

    Args:
        own: the source of the run; None where the documents come from none that is known.
        others: every source of the collection.
    """

    def __init__(
        self, own: DocumentSource | None = None, others: Sequence[DocumentSource] = ()
    ) -> None:
        self.own = own
        self._others: Mapping[int, DocumentSource] = {other.id: other for other in others}
        self._gone: dict[int, bool] = {}

    @property
    def id(self) -> int | None:
        """The id of the run's own source."""
        return None if self.own is None else self.own.id

    def owner(self, stored: Known, document: ReadyDocument) -> int | None:
        """Return the source that a stored document belongs to from now on.

        Documents without a source become those of the first that brings them. One file is the
        same document whether it is named alone or found in its folder, which owns it then. A file
        that did not change and whose source is gone has moved.

        Raises:
            SourceConflictError: another source brought it, and it is another document.
        """
        if self.own is None or stored.source_id in (None, self.own.id):
            return self.id or stored.source_id
        other = self._others.get(stored.source_id or 0)
        if other is not None and stored.uri is not None and stored.uri == document.uri:
            return other.id if _holds(other, self.own) else self.own.id
        same = stored.content_hash == document.content_hash
        if other is not None and same and self._has_moved(other):
            return self.own.id
        raise SourceConflictError(_conflict(document.id, other))

    def _has_moved(self, other: DocumentSource) -> bool:
        """Return whether there is nothing left where a source was."""
        if other.id not in self._gone:
            path = local_path(other.uri or "")
            self._gone[other.id] = path is not None and not _is_there(path)
        return self._gone[other.id]


def _is_there(path: Path) -> bool:
    """Return whether there is something at a path, or at the folder that a glob begins at."""
    if path.exists():
        return True
    marked = next(
        (part for part in (*reversed(path.parents), path) if GLOB_MARKS & set(part.name)), None
    )
    return marked is not None and marked.parent.exists()


def _holds(outer: DocumentSource, inner: DocumentSource) -> bool:
    """Return whether the folder of one source holds that of another."""
    paths = local_path(outer.uri or ""), local_path(inner.uri or "")
    return None not in paths and _is_below(paths[1], paths[0])


def _is_below(path: Path | None, folder: Path | None) -> bool:
    return path is not None and folder is not None and path.is_relative_to(folder)


def _conflict(id: str, other: DocumentSource | None) -> str:
    name = "another source" if other is None else f"the source {other.name!r}"
    same = (
        ""
        if other is None
        else (f" If both are one source, say so with source_name={other.name!r} (--source).")
    )
    return (
        f"The id {id!r} is that of a document from {name}: tell them apart with "
        f"id_prefix='web/' (--id-prefix web/).{same}"
    )
