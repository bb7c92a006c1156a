"""What a search does with an IVF-PQ index, in the one statement that every search is.

The lists whose centres are nearest to the query are read from the index on the codes' list. The
similarity to each row in them is the query's inner product with the list's centre, and one number
of the query's lookup table for each byte of the code. The best are candidates, which the caller
rescores by what is stored.

The lookup table comes as a parameter, of the codebook that the caller knows. Where that is
not the codebook in the tables now, or no table comes, the statement calls a function for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from operator import add

import sqlalchemy as sa
from pgvector.sqlalchemy import VECTOR
from sqlalchemy.dialects.postgresql import ARRAY, OID

from embeddb.db.rendering import Expression, number, parameter
from embeddb.schema.catalog import CollectionRecord
from embeddb.schema.distances import Distance
from embeddb.schema.indexes import IVFPQ, IndexSpec
from embeddb.schema.vector_expressions import Vectors

_TWO: sa.ColumnElement[float] = sa.literal_column("2::real", sa.REAL)


def is_searchable(index: IndexSpec | None) -> bool:
    """Return whether a spec has all that a statement needs; one that was built has."""
    return isinstance(index, IVFPQ) and None not in (index.lists, index.subvectors, index.probes)


class CodeScan:
    """The part of a statement that reads codes, for a spec that is resolved."""

    def __init__(self, record: CollectionRecord, vectors: Vectors, schema: str) -> None:
        index = record.generation.index
        assert isinstance(index, IVFPQ)
        assert index.subvectors is not None
        assert index.probes is not None
        self._subvectors, self._probes = index.subvectors, index.probes
        self._distance = record.generation.distance
        self._tables = record.tables
        self._vectors = vectors
        self._lists = sa.table(
            record.tables.lists_name,
            sa.column("list", sa.Integer),
            sa.column("centroid", VECTOR),
            sa.column("tableoid", OID),
            schema=schema,
        ).alias("l")
        self.codes = sa.table(
            record.tables.codes_name,
            sa.column("list", sa.Integer),
            sa.column("chunk_no", sa.Integer),
            sa.column("correction", sa.REAL),
            sa.column("id", sa.Text),
            sa.column("code", sa.LargeBinary),
            schema=schema,
        ).alias("k")

    def candidates(
        self,
        rows: Expression,
        *,
        gates: Sequence[Expression],
        conditions: Sequence[Expression],
        inline: bool,
    ) -> sa.CTE:
        """Return the rows whose codes are nearest: id and chunk_no.

        Args:
            rows: how many.
            gates: conditions on which there is a scan at all, each checked once.
            conditions: conditions on `codes`, checked row by row.
            inline: make the lookup table in the statement, and take none as a parameter.
        """
        asked = self._asked(inline)
        lists = self._nearest_lists(asked, gates)
        codes = self.codes.c
        # OFFSET keeps Postgres from joining otherwise than by reading one list after the other
        near = (
            sa.select(codes.id, codes.chunk_no, self._apart(asked, lists).label("apart"))
            .where(codes.list == lists.c.list, *conditions)
            .correlate(asked, lists)
            .offset(number(0))
            .lateral("near")
        )
        scanned = asked.join(lists, sa.true()).join(near, sa.true())
        found = (
            sa.select(near.c.id, near.c.chunk_no)
            .select_from(scanned)
            .order_by(near.c.apart)
            .limit(rows)
        )
        return found.cte("candidates").prefix_with("MATERIALIZED")

    def _asked(self, inline: bool) -> sa.CTE:
        """Return the query, of length 1 where lengths do not matter, and its lookup table."""
        vector = self._vectors.cast(parameter("query", VECTOR()), "vector")
        if self._distance is Distance.COSINE:
            vector = self._vectors.own("l2_normalize")(vector)
        words = self._vectors.function(self._tables.lookup_function)(vector)
        if not inline:
            # of the table that is really read: its name may have come to mean another one while
            # the statement waited for a lock
            read = sa.cast(self._lists.c.tableoid, sa.BigInteger)
            version = sa.select(read).limit(number(1)).scalar_subquery()
            given = parameter("words", ARRAY(sa.REAL, dimensions=2))
            words = sa.case((parameter("codebook", sa.BigInteger()) == version, given), else_=words)
        asked = sa.select(
            vector.label("query"),
            sa.type_coerce(words, ARRAY(sa.REAL, dimensions=2)).label("words"),
        )
        return asked.cte("asked").prefix_with("MATERIALIZED")

    def _nearest_lists(self, asked: sa.CTE, gates: Sequence[Expression]) -> sa.CTE:
        """Return the lists to read, and the query's inner product with the centre of each.

        There are none where the codes have another number of bytes than this statement is for.
        """
        centre = self._lists.c.centroid
        nearness = centre.op(self._vectors.operator(self._distance.operator))(asked.c.query)
        inner = self._vectors.operator(Distance.INNER_PRODUCT.operator)
        opposite: Expression = centre.op(inner, return_type=sa.Double())(asked.c.query)
        size = sa.func.pg_catalog.array_length(asked.c.words, number(1))
        found = (
            sa.select(self._lists.c.list, sa.cast(-opposite, sa.REAL).label("product"))
            .select_from(self._lists.join(asked, sa.true()))
            .where(size == number(self._subvectors), *gates)
            .order_by(nearness)
            .limit(number(self._probes))
        )
        return found.cte("nearest_lists").prefix_with("MATERIALIZED")

    def _apart(self, asked: sa.CTE, lists: sa.CTE) -> Expression:
        """Return what orders rows as their distance would; see IVFPQCodebook.assign."""
        entries = (self._entry(asked.c.words, place) for place in range(self._subvectors))
        similarity = reduce(add, entries, lists.c.product)
        if self._distance is Distance.L2:
            return self.codes.c.correction - _TWO * similarity
        return -similarity * self.codes.c.correction

    def _entry(self, words: Expression, place: int) -> Expression:
        """Return the table's entry for one byte of a code; arrays begin at 1."""
        byte = sa.func.pg_catalog.get_byte(self.codes.c.code, number(place), type_=sa.Integer)
        entry: Expression = words[number(place + 1)][byte + number(1)]
        return entry
