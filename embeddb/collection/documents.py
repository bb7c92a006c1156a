"""Documents in: what writes and deletes them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypeAlias

from embeddb.collection.base import CollectionBase
from embeddb.collection.deletion import check_deletion
from embeddb.collection.ids import Id, some_ids
from embeddb.errors import IngestAbortedError
from embeddb.pipeline.ingest.tally import Tally
from embeddb.progress import Silent, shown
from embeddb.protocols import Source
from embeddb.records import Document, Failure, IngestReport
from embeddb.repository.search.options import Filter
from embeddb.sources import open_source

SourceLike: TypeAlias = str | Path | Source | Iterable[Any]
"""What `open_source` understands."""


class DocumentMethods(CollectionBase):
    """The methods of a collection that write and delete documents."""

    def ingest(
        self,
        source: SourceLike,
        *,
        prune: bool = False,
        strict: bool = False,
        progress: bool = False,
        build_index: bool = True,
    ) -> IngestReport:
        """Bring the collection up to date with a source, batch by batch, and return what was done.

        A document is written in one transaction and a batch in one or two. So an interrupted run
        keeps what it wrote, and a second run goes on from there: unchanged documents are not
        encoded again. A document that cannot be read or encoded is reported, and the rest goes
        on.

        Args:
            source: a path (file, folder, glob, .jsonl, .csv, .parquet), a Source, or any
                iterable of documents, dicts or texts.
            prune: whether every document that the source does not have is deleted afterwards.
            strict: whether the run stops at the first document that cannot be taken.
            progress: whether progress bars are shown on stderr.
            build_index: whether the vector index is built afterwards where it is missing.

        Raises:
            IngestAbortedError: strict, and a document could not be taken.
            SourceError: the source as a whole cannot be read; nothing is pruned then.
            DatabaseUnavailableError: the connection was lost for good; run again to go on.
        """
        self._check_own()
        opened = open_source(source)
        with shown(progress) as display, self._writing():
            display.documents(0, None)
            tally = Tally(display=display)
            run = self._run(fresh=self._documents.is_empty(), strict=strict)
            run.stream(opened, tally)
            deleted = run.prune(tally) if prune else 0
            if build_index:
                self._ensure_indexes(display)
        return tally.report(deleted)

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
            return self._documents.delete(*self._condition(None if all else filter))
