"""Documents in: what writes and deletes them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias

from embeddb.collection.base import CollectionBase
from embeddb.collection.deletion import check_deletion
from embeddb.collection.ids import Id, some_ids
from embeddb.errors import (
    IngestAbortedError,
    PruneRefusedError,
)
from embeddb.pipeline.ingest.ownership import Ownership
from embeddb.pipeline.ingest.tally import Tally
from embeddb.progress import Silent, shown
from embeddb.protocols import Source, TypedSource
from embeddb.records import Document, Failure, IngestReport
from embeddb.repository.collections.document_sources import DocumentSources
from embeddb.repository.search.options import Filter
from embeddb.sources import open_source
from embeddb.sources.identity import identity_of

SourceLike: TypeAlias = str | Path | Source | Iterable[Any]
"""What `open_source` understands."""


class DocumentMethods(CollectionBase):
    """The methods of a collection that write and delete documents."""

    def ingest(
        self,
        source: SourceLike,
        *,
        source_name: str | None = None,
        id_prefix: str = "",
        prune: bool = False,
        force: bool = False,
        confirm: Callable[[Sequence[str]], bool] | None = None,
        strict: bool = False,
        progress: bool = False,
        build_index: bool = True,
    ) -> IngestReport:
        """Bring the collection up to date with a source, batch by batch, and return what was done.

        A document is written in one transaction and a batch in one or two, every few seconds. So
        an interrupted run keeps what it wrote, and a second run goes on from there: unchanged
        documents are not encoded again. A document that cannot be read, encoded or stored is
        reported, and the rest goes on.

        Each document belongs to the source that brought it: a folder, a file, a table or query, or
        what `source_name` says. An id that another source brought is refused. Iterables have no
        source unless they are given a name.

        Args:
            source: a path (file, folder, glob, .jsonl, .csv, .parquet), a Source, or any
                iterable of documents, dicts or texts.
            source_name: what the source is called. Folders and files of one name are one source.
            id_prefix: what is put before every id, e.g. `web/`.
            prune: whether the documents of this source that it does not have any more are deleted
                afterwards; those of other sources stay.
            force: whether more than half of them may be deleted.
            confirm: called with the ids that would be deleted; they are if it returns True.
            strict: whether the run stops at the first document that cannot be taken.
            progress: whether progress bars are shown on stderr.
            build_index: whether the vector index is built afterwards where it is missing.

        Raises:
            IngestAbortedError: strict, and a document could not be taken.
            PruneRefusedError: nothing was deleted: too much would be, or a failure names no
                document, which may be any. The rest of the run stays, and is in its `report`.
            SourceError: the source as a whole cannot be read; nothing is pruned then.
            DatabaseUnavailableError: the connection was lost for good; run again to go on.
        """
        self._check_own()
        opened = open_source(source)
        sources = DocumentSources(self._database, self._record)
        with self._writing():
            with shown(progress) as display:
                display.documents(0, None)
                tally = Tally(display=display)
                ownership = _ownership(sources, identity_of(opened), source_name)
                run = self._run(
                    fresh=self._documents.is_empty(),
                    strict=strict,
                    ownership=ownership,
                    id_prefix=id_prefix,
                )
                with _told(tally):
                    run.stream(_as_before(opened, ownership), tally)
                sources.finish(ownership.own, tally.types)
                if build_index:
                    self._ensure_indexes(display)
            try:
                gone = run.gone(tally, force=force) if prune else []
            except PruneRefusedError as error:
                error.report = tally.report()
                raise
            agreed = bool(gone) and (confirm is None or confirm(gone))
            return tally.report(run.documents.delete_ids(gone) if agreed else 0)

    def add(
        self,
        documents: Iterable[Document | Mapping[str, Any] | tuple[str, str] | str],
        *,
        build_index: bool = True,
    ) -> IngestReport:
        """Add or replace documents in one transaction, and return what was done; on an error, none.

        Args:
            documents: Documents, dicts with `id`, `content`, `metadata`, …, pairs of id and text,
                or texts; with `embedding` where the collection has no model.
            build_index: whether the vector index is built afterwards where it is missing. To load
                much in many calls, pass False and call `create_index` at the end.

        Raises:
            DocumentError: a document cannot be taken; it is named.
            EncodingError: the model failed on one.
        """
        self._check_own()
        tally = Tally(display=Silent())
        items = list(open_source(documents).documents())
        for item in items:
            if isinstance(item, Failure):
                raise IngestAbortedError(f"{item.id}: {item.message}")
        with self._writing():
            self._run(fresh=False, strict=True).at_once(items, tally)
            if build_index:
                self._ensure_indexes(Silent())
        return tally.report()

    def delete(
        self,
        *,
        ids: Id | Iterable[Id] | None = None,
        filter: Filter = None,
        all: bool = False,
    ) -> int:
        """Delete documents, and their chunks, by id or by filter, and return their number.

        Args:
            ids: the documents, one or several; whole numbers and UUIDs are written out, and
                unknown ids are passed over.
            filter: what their metadata must be, as a dict such as `{"year": {"$gte": 2020}}` or an
                expression over `collection.columns`.
            all: whether every document is deleted; a filter that every document passes, such as
                an empty one, needs it too.

        Raises:
            ConfigurationError: none of them is given, or several are, or one is no id.
            FilterError: the filter lets every document pass, or is malformed.
        """
        check_deletion(ids=ids, filter=filter, all=all)
        self._check_own()
        wanted = None if ids is None else some_ids(ids)
        with self._writing():
            if wanted is not None:
                return self._documents.delete_ids(wanted)
            deleted = self._documents.delete(*self._condition(None if all else filter))
        self._warn_of_unmatched(filter, short=deleted == 0)
        return deleted


def _ownership(sources: DocumentSources, uri: str | None, name: str | None) -> Ownership:
    """Return which documents a run may replace: a source that is known by neither has none."""
    if uri is None and name is None:
        return Ownership()
    return Ownership(sources.enter(uri, name), sources.all())


def _as_before(source: Source, ownership: Ownership) -> Source:
    """Return a source whose columns have the types that they had in the run before."""
    if ownership.own is not None and isinstance(source, TypedSource):
        return source.typed(ownership.own.types)
    return source


@contextmanager
def _told(tally: Tally) -> Iterator[None]:
    """Add to an interruption how many documents it left in the database."""
    try:
        yield
    except KeyboardInterrupt as interrupt:
        interrupt.add_note(f"{tally.added + tally.updated:,} documents were written before it.")
        raise
