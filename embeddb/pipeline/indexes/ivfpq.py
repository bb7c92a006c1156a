"""Building an IVF-PQ index: learn a codebook from a sample, then encode every chunk.

Everything is written in one transaction, into tables that take the place of the old ones at its
end: until then searches go on as before, and a build that fails or is cancelled leaves nothing.
Others write meanwhile. What they changed is made up for at the end, while they wait: that reads the
chunks' keys twice, about a second for a million.
"""

from __future__ import annotations

from dataclasses import replace

import psycopg

from embeddb.db.boundary import translate
from embeddb.db.database import Database
from embeddb.errors import IndexBuildError, IndexSpecError, PermissionDeniedError
from embeddb.progress import Display
from embeddb.quantizers import IVFPQCodebook, default_lists, default_subvectors, train
from embeddb.quantizers.ivfpq import CODES
from embeddb.quantizers.sizing import MIN_ROWS_PER_LIST
from embeddb.records import Vector
from embeddb.repository.collections.collections import Collections
from embeddb.repository.indexes.build import give_resources, prepare_session
from embeddb.repository.indexes.ivfpq_build import CodesBuild
from embeddb.schema.catalog import CollectionRecord
from embeddb.schema.index_rules import indexed
from embeddb.schema.indexes import IVFPQ

SAMPLE_ROWS = 50_000
"""Vectors to learn from: 256 for each of the lists that 40,000 rows get, and more codewords than
that need; 77 MB at 384 dimensions."""

SAMPLE_MARGIN = 1.05
"""A random sample may come out smaller than it is asked for."""


def has_rows(index: IVFPQ, rows: int) -> bool:
    """Return whether there are enough rows to learn an index from."""
    return rows >= _needed(index.lists or default_lists(rows))


def build_codes(
    database: Database, record: CollectionRecord, index: IVFPQ, rows: int, display: Display
) -> CollectionRecord:
    """Build the index, put it in place of the one that is there, and return the record anew.

    Raises:
        IndexSpecError: there are too few rows to learn from.
        PermissionDeniedError: the role may not change the collection's tables.
        IndexBuildError: anything else that Postgres refuses; the collection is as it was.
    """
    resolved = _resolved(index, record, rows)
    if not has_rows(resolved, rows):
        raise IndexSpecError(_too_few(record, resolved, rows))
    build = _Build(database, record, resolved, rows, display)
    try:
        return build.run()
    except psycopg.Error as error:
        cause = translate(error)
        if isinstance(cause, PermissionDeniedError):
            raise cause from error
        name = record.tables.vector_index(index.method)
        raise IndexBuildError(
            f"The index {name} could not be built: {str(cause).splitlines()[0]}. Nothing of it is "
            "left; run `embeddb index build` again."
        ) from error


class _Build:
    def __init__(
        self,
        database: Database,
        record: CollectionRecord,
        index: IVFPQ,
        rows: int,
        display: Display,
    ) -> None:
        self._database = database
        self._record = record
        self._index = index
        self._rows = rows
        self._display = display

    def run(self) -> CollectionRecord:
        held = indexed(self._record.generation, None)
        with self._database.dedicated() as connection:
            prepare_session(connection)
            give_resources(connection, self._index, held, self._rows)
            build = CodesBuild(self._database, self._record, connection)
            codebook = self._train(build.sample(self._percent()))
            with connection.transaction():
                build.begin(codebook)
                with build.chunks() as pages:
                    self._display.index("assigning", 0, self._rows)
                    done = 0
                    for page in pages:
                        build.stage(page, codebook)
                        done += len(page.ids)
                        self._display.index("assigning", done, max(done, self._rows))
                    self._display.index("sorting", 0, 0)
                    build.load()
                    self._display.index("catching up", 0, 0)
                    build.stop_writers()
                    build.remove_outdated()
                    build.add_missing(codebook)
                    build.switch()
                catalog = Collections(self._database)
                return catalog.set_index_on(connection, self._record, self._index)

    def _percent(self) -> float:
        """Return how much of the table is enough to learn from."""
        asked = max(SAMPLE_ROWS, (self._index.lists or 1) * MIN_ROWS_PER_LIST)
        return min(100.0, 100.0 * SAMPLE_MARGIN * asked / self._rows)

    def _train(self, sample: Vector) -> IVFPQCodebook:
        assert self._index.lists is not None
        assert self._index.subvectors is not None
        self._display.index("training", 0, 0)
        return train(
            sample,
            lists=self._index.lists,
            subvectors=self._index.subvectors,
            distance=self._record.generation.distance.label,
            progress=lambda done, total: self._display.index("training", done, total),
        )


def _resolved(index: IVFPQ, record: CollectionRecord, rows: int) -> IVFPQ:
    """Fix what was left open, for so many rows of these dimensions."""
    lists = index.lists or max(default_lists(rows), index.probes or 1)
    subvectors = index.subvectors or default_subvectors(record.generation.stored_dim)
    return replace(index, lists=lists, subvectors=subvectors).resolved(rows)


def _needed(lists: int) -> int:
    return max(CODES, lists * MIN_ROWS_PER_LIST if lists > 1 else 0)


def _too_few(record: CollectionRecord, index: IVFPQ, rows: int) -> str:
    lists = index.lists or 1
    fewer = "" if rows < CODES else f", use {max(rows // MIN_ROWS_PER_LIST, 1)} lists or fewer,"
    return (
        f"IVFPQ needs {_needed(lists):,} rows or more to learn {lists:,} lists and {CODES} "
        f"codewords from, and {record.name!r} has {rows:,}: add more{fewer} or search so few "
        "exactly, with index=None."
    )
