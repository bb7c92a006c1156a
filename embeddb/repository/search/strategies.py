"""The strategies for finding the nearest chunks: each a clause of the one statement of a search.

Where an index holds something smaller than what is stored, its scan yields candidates and their
distance by what is stored. Where there is a filter, the statement finds out how many documents
pass it, and then either compares them all or scans the index; see `_filtered`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from pgvector.sqlalchemy import VECTOR
from sqlalchemy.dialects.postgresql import INT4RANGE, JSONB
from sqlalchemy.sql.selectable import NamedFromClause

from embeddb.db.rendering import Expression, constant, count_all, number, parameter
from embeddb.repository.search.clauses import ZERO, cte, times, whole, written
from embeddb.repository.search.document_rows import document_rows, sql_type
from embeddb.repository.search.ivfpq_scan import CodeScan, is_searchable
from embeddb.repository.search.scan_settings import scan_settings
from embeddb.repository.search.selectivity import EXACT_ROWS, Selectivity, selectivity
from embeddb.repository.search.shape import SearchShape, rows_wanted
from embeddb.schema.catalog import CollectionRecord
from embeddb.schema.indexes import IVFPQ, oversample_of
from embeddb.schema.layouts import HashPartitions
from embeddb.schema.vector_expressions import Vectors, columns_of

_PART = parameter("part", sa.Text())

FILTERED_OVERSAMPLE = 2.0
"""Rows that should pass among the nearest that are looked at, for each one asked for: chance
leaves fewer once in some thousand searches for ten, and then all that pass are compared."""

WIDER_LOOK = 1.5
"""Rows that should pass among the nearest of a second, wider look, for each one required."""

ROWS_FOR_A_NEAREST = 6
"""Rows that are compared one by one in the time in which an index finds one of the nearest more."""

MOST_NEAREST = 4_000
"""The nearest rows that are looked at for some that pass a filter; beyond it, comparing all that
pass is the better way."""


class Strategies:
    """The tables of one collection, and the strategies for finding the nearest of its chunks.

    Each strategy selects id, chunk_no, content, span, location, distance, and as `plan` its own
    name; for a SQL function no location, which is not among what such a function returns.
    """

    def __init__(self, record: CollectionRecord, *, schema: str, vector_schema: str) -> None:
        metadata = sa.MetaData(schema=schema)
        self._generation = record.generation
        self.vectors = Vectors(record, schema=schema, vector_schema=vector_schema)
        self._codes = None
        if is_searchable(record.generation.index):
            self._codes = CodeScan(record, self.vectors, schema)
        self.rows = document_rows(record, schema)
        self.documents = self.rows.documents
        self._is_attached = record.source is not None
        self._is_hiding = record.source is not None and record.source.row_security
        chunks = sa.Table(
            record.tables.chunks_name,
            metadata,
            sa.Column("id", sa.Text, primary_key=True),
            sa.Column("chunk_no", sa.Integer, primary_key=True),
            sa.Column("content", sa.Text),
            sa.Column("span", INT4RANGE),
            sa.Column("location", JSONB),
            *self.vectors.columns(),
            *([sa.Column("part", sa.Text)] if record.generation.layout else []),
            *_key_columns(record),
        )
        self.chunk_table = chunks
        self.chunks = chunks.alias("c")
        self._probed = chunks.alias("p")
        self._shares_partitions = isinstance(record.generation.layout, HashPartitions)

    def _nearest(self, shape: SearchShape) -> sa.CTE:
        found = self._nearest_chunks(shape)
        if not self._is_attached or shape.filter is not False:
            return found
        return self._of_rows(found, self._exact(shape, "index, then exact", sa.true()), "shown")

    def _of_rows(self, found: sa.CTE, rest: sa.Select[Any], name: str | None = None) -> sa.CTE:
        """Return what was found, or `rest` where some of it has no row any more.

        Rows go without a trigger's notice where a partition is dropped or triggers are off. Until
        somebody reconciles, their chunks must not take the places of others. `rest` costs nothing
        as long as there are none.
        """
        living = cte(
            sa.select(found).where(self._passes(sa.true(), found)), name and "living_" + name
        )
        counted = sa.select(count_all()).select_from(found).scalar_subquery()
        all_there = sa.select(count_all() == counted).select_from(living).scalar_subquery()
        others = cte(rest.where(sa.not_(all_there)), name and "other_" + name)
        either = sa.union_all(sa.select(living).where(all_there), sa.select(others))
        return cte(sa.select(either.subquery()), name)

    def _nearest_chunks(self, shape: SearchShape) -> sa.CTE:
        if self._compares_all(shape):
            return cte(self._exact(shape), "nearest")
        if shape.filter is not False:
            return self._filtered(shape)
        if self._codes is not None:
            scanned = cte(self._by_codes(shape, self._codes, [], []), "scanned")
            return self._completed(shape, [scanned], [], [])
        if shape.part:
            return self._within_part(shape)
        found = self._by_index(shape, rows_wanted(shape), [])
        if not self.vectors.is_rescored:
            return cte(found, "nearest")
        return cte(_nearest_first(cte(found, "candidates"), shape), "nearest")

    def condition(self, filter: bool | Expression) -> Expression:
        """Return the condition of a filter on the documents."""
        return self._passing(self._path()) if isinstance(filter, bool) else filter

    def settled_condition(self, filter: bool | Expression) -> Expression:
        """Return the condition of a filter for a statement that asks it in several places.

        A JSON filter is compiled once, in a CTE. The plan does not depend on the filter then, and
        need not: the statement chooses its strategy while it runs. So it can be prepared, which
        saves more than half of the time of a quick search.
        """
        if not isinstance(filter, bool):
            return filter
        compiled = cte(sa.select(self._path().label("path")), "compiled")
        return self._passing(sa.select(compiled.c.path).scalar_subquery())

    def _path(self) -> Expression:
        own = getattr(sa.func, self.vectors.function_schema())
        found: Expression = own.filter_path(parameter("filter", JSONB()))
        return found

    def _passing(self, path: Expression) -> Expression:
        # named with its schema: another @@ in the session's search_path could be anybody's
        return self.documents.c.metadata.bool_op("OPERATOR(pg_catalog.@@)")(path)

    def _compares_all(self, shape: SearchShape) -> bool:
        index = self._generation.index
        return shape.exact or index is None or (isinstance(index, IVFPQ) and self._codes is None)

    def _exact(
        self, shape: SearchShape, plan: str = "exact", condition: Expression | None = None
    ) -> sa.Select[Any]:
        """Return a comparison of every row that passes."""
        if condition is None and shape.filter is not False:
            condition = self.condition(shape.filter)
        rows: sa.FromClause = self.chunks
        if condition is not None:
            rows = rows.join(self.documents, self.rows.same(self.chunks))
        distance = self._distance(self._query())
        statement = (
            self._columns(shape, distance, plan)
            .select_from(rows)
            .where(*self._others(shape, self.chunks))
        )
        if condition is not None:
            statement = statement.where(condition)
        # an expression that is not the index's own: Postgres has to look at every row
        return statement.order_by(distance + ZERO).limit(written(rows_wanted(shape)))

    def _by_index(
        self,
        shape: SearchShape,
        rows: Expression | int,
        conditions: Sequence[Expression],
    ) -> sa.Select[Any]:
        """Return a scan of the index: candidates where it holds less than what is stored."""
        oversample = oversample_of(self._generation.index)
        candidates = times(rows, oversample)
        query, code = self._settled_query(candidates)
        compared = self.vectors.stored(columns_of(self.chunks))
        held = self.vectors.derived(compared)
        distance = self.vectors.distance(compared, query).label("distance")
        order = self.vectors.derived_distance(held, code) if self.vectors.is_rescored else distance
        return (
            self._columns(shape, distance, "index")
            .select_from(self.chunks)
            .where(*self._others(shape, self.chunks), *conditions)
            .order_by(order)
            .limit(written(candidates))
        )

    def _filtered(self, shape: SearchShape) -> sa.CTE:
        """Return the nearest rows that pass a filter, by the strategy that suits how many pass.

        Where few pass, all of them are compared. Where many do, the statement looks for some among
        the nearest, which the index finds. If too few of those pass, because what passes lies
        farther from the query, it looks once more, among more of them, or compares all that pass
        after all. A strategy that is not taken costs nothing: it hangs on a condition that Postgres
        checks once, before it starts.
        """
        condition = self.settled_condition(shape.filter)
        known = selectivity(self.rows, condition)
        others = [sa.select(cte(self._of_few(shape, known), "of_few"))]
        many: list[Expression] = [sa.not_(known.few)]
        if shape.part and self._shares_partitions:
            few = self._few_in_part()
            others.append(self._of_part(shape, *many, few))
            many.append(sa.not_(few))
        required = self._required(shape, known)
        if self._codes is not None:
            passes = self._passes(condition, self._codes.codes)
            found = cte(self._by_codes(shape, self._codes, many, [passes]), "scanned")
            return self._completed(shape, [found], many, others, required, condition)
        rows = self._first_look(shape, known)
        first = cte(self._among_nearest(shape, condition, rows, many, ""), "scanned")
        wider, worthwhile = self._second_look(first, known, rows, required)
        gates = [*many, worthwhile]
        second = cte(self._among_nearest(shape, condition, wider, gates, "_wider"), "rescanned")
        return self._completed(shape, [first, second], many, others, required, condition)

    def _first_look(self, shape: SearchShape, known: Selectivity) -> Expression:
        """Return among how many of the nearest enough should pass, if chance decides which do."""
        factor = max(FILTERED_OVERSAMPLE, oversample_of(self._generation.index))
        passing = written(times(rows_wanted(shape), factor))
        return whole(passing * known.share)

    def _second_look(
        self, first: sa.CTE, known: Selectivity, rows: Expression, required: Expression
    ) -> tuple[Expression, Expression]:
        """Return how wide a second look is to be after a first one, and whether to take it.

        Where fewer passed than should, those that pass lie farther away than others, and how many
        did shows how far to look. It is not worth more than comparing all that pass would take.
        """
        found = sa.func.greatest(count_all(), number(1))
        facts: list[Expression] = [
            (count_all() < required).label("short"),
            whole(number(WIDER_LOOK) * required * rows / found).label("rows"),
        ]
        planned = cte(sa.select(*facts).select_from(first), "wider")
        wider = sa.select(planned.c.rows).scalar_subquery()
        worthwhile = sa.select(
            sa.and_(
                planned.c.short,
                planned.c.rows <= number(MOST_NEAREST),
                planned.c.rows * number(ROWS_FOR_A_NEAREST) < known.count,
            )
        ).scalar_subquery()
        return wider, worthwhile

    def _among_nearest(
        self,
        shape: SearchShape,
        condition: Expression,
        rows: Expression,
        gates: Sequence[Expression],
        look: str,
    ) -> sa.Select[Any]:
        """Return what passes among so many of the nearest.

        What passes among the nearest is what is nearest of what passes. A scan that goes on until
        it has found enough would not say how far it had to go: far from the query a graph finds
        some of what passes, not the nearest of it.
        """
        query, code = self._settled_query(rows, "asked" + look)
        chunks = self.chunks.c
        held = self.vectors.derived(self.vectors.stored(columns_of(self.chunks)))
        order = self.vectors.derived_distance(held, code)
        columns = [
            *(chunks.id, chunks.chunk_no, chunks.content, chunks.span),
            *_location(shape, self.chunks),
            *self._stored_columns(),
        ]
        # Postgres takes a limit that it cannot see for a tenth of the table, and would rather
        # read all of it; the number inside is the one that it plans for
        most = (
            sa.select(*columns)
            .where(*self._others(shape, self.chunks), *gates)
            .order_by(order)
            .limit(number(MOST_NEAREST))
            .subquery("most" + look)
        )
        wide = cte(sa.select(most).limit(rows), "nearest_of_all" + look)
        distance = self.vectors.distance(self.vectors.stored(columns_of(wide)), query)
        return sa.select(
            wide.c.id,
            wide.c.chunk_no,
            wide.c.content,
            wide.c.span,
            *_location(shape, wide),
            distance.label("distance"),
            constant("index").label("plan"),
        ).where(self._passes(condition, wide))

    def _required(self, shape: SearchShape, known: Selectivity) -> Expression:
        """Return how many must pass among the nearest: as many as are asked for, or more.

        Where they are found by something coarser, it is half of the candidates that a search
        without a filter would have.
        """
        rows = rows_wanted(shape)
        if not self.vectors.is_rescored:
            return written(rows)
        share = sa.func.greatest(known.share, number(1.0))
        half = written(times(rows, oversample_of(self._generation.index) / 2))
        most = sa.func.least(half, number(MOST_NEAREST / 2) / share)
        return sa.func.greatest(written(rows), most)

    def _stored_columns(self) -> list[Expression]:
        return [self.chunks.c[column.name] for column in self.vectors.columns()]

    def _within_part(self, shape: SearchShape) -> sa.CTE:
        """Return the nearest rows of one part, from the partition or partial index of its own.

        Where that holds too few, all of them are compared; so too where the part shares a partition
        with others and has few rows itself.
        """
        if not self._shares_partitions:
            scanned = cte(self._by_index(shape, rows_wanted(shape), []), "scanned")
            return self._completed(shape, [scanned], [], [])
        few = self._few_in_part()
        rows = times(rows_wanted(shape), FILTERED_OVERSAMPLE)
        many = sa.not_(few)
        scanned = cte(self._by_index(shape, rows, [many]), "scanned")
        return self._completed(shape, [scanned], [many], [self._of_part(shape, few)])

    def _few_in_part(self) -> Expression:
        """Return whether so few rows are of the part that comparing them all is the fastest."""
        some = (
            sa.select(number(1).label("one"))
            .where(self._probed.c.part == _PART)
            .limit(number(EXACT_ROWS + 1))
            .subquery("some")
        )
        counted = sa.select((count_all() <= number(EXACT_ROWS)).label("few")).select_from(some)
        return sa.select(cte(counted, "in_part").c.few).scalar_subquery()

    def _of_part(self, shape: SearchShape, *gates: Expression) -> sa.Select[Any]:
        of_part = self._exact(shape, "exact over the few that pass").where(*gates)
        return sa.select(cte(of_part, "of_part"))

    def _completed(
        self,
        shape: SearchShape,
        scans: Sequence[sa.CTE],
        gates: Sequence[Expression],
        others: Sequence[sa.Select[Any]],
        required: Expression | None = None,
        condition: Expression | None = None,
    ) -> sa.CTE:
        """Return what the first scan found that found enough, or else compare every row."""
        if required is None:
            required = written(rows_wanted(shape))
        strategies = list(others)
        lacking = list(gates)
        for scan in scans:
            enough = sa.select(count_all() >= required).select_from(scan).scalar_subquery()
            strategies.append(sa.select(scan).where(enough))
            lacking.append(sa.not_(enough))
        rest = self._exact(shape, "index, then exact", condition).where(*lacking)
        found = sa.union_all(*strategies, sa.select(cte(rest, "rest"))).subquery("strategies")
        return cte(_nearest_first(found, shape), "nearest")

    def _by_codes(
        self,
        shape: SearchShape,
        scan: CodeScan,
        gates: Sequence[Expression],
        conditions: Sequence[Expression],
    ) -> sa.Select[Any]:
        """Return the candidates of an IVF-PQ index, compared by what is stored."""
        found = scan.candidates(
            written(times(rows_wanted(shape), oversample_of(self._generation.index))),
            gates=gates,
            conditions=[*self._others(shape, scan.codes), *conditions],
            inline=shape.limit is None,
        )
        same = sa.and_(self.chunks.c.id == found.c.id, self.chunks.c.chunk_no == found.c.chunk_no)
        distance = self._distance(self._query())
        return (
            self._columns(shape, distance, "index")
            .select_from(found.join(self.chunks, same))
            .order_by(distance + ZERO)
            .limit(written(rows_wanted(shape)))
        )

    def _of_few(self, shape: SearchShape, known: Selectivity) -> sa.Select[Any]:
        rows = known.passing.join(self.chunks, self.chunks.c.id == known.passing.c.id)
        distance = self._distance(self._query())
        return (
            self._columns(shape, distance, "exact over the few that pass")
            .select_from(rows)
            .where(known.few, *self._others(shape, self.chunks))
            .order_by(distance + ZERO)
            .limit(written(rows_wanted(shape)))
        )

    def _passes(self, condition: Expression, rows: NamedFromClause) -> Expression:
        """Return the condition that a row's document passes."""
        # OFFSET keeps Postgres from making a join of it, which would look at all documents
        return (
            sa.select(self.documents.c.id)
            .where(self.rows.same(rows), condition)
            .correlate(rows)
            .offset(number(0))
            .exists()
        )

    def _columns(self, shape: SearchShape, distance: Expression, plan: str) -> sa.Select[Any]:
        chunks = self.chunks.c
        return sa.select(
            chunks.id,
            chunks.chunk_no,
            chunks.content,
            chunks.span,
            *_location(shape, self.chunks),
            distance,
            constant(plan).label("plan"),
        )

    def _others(self, shape: SearchShape, rows: NamedFromClause) -> list[Expression]:
        without = rows.c.id != parameter("without", sa.Text())
        return [
            *([without] if shape.without else []),
            *([rows.c.part == _PART] if shape.part else []),
        ]

    def _query(self) -> Expression:
        return self.vectors.query(parameter("query", VECTOR()))

    def _distance(self, query: Expression) -> Expression:
        return self.vectors.distance(self.vectors.stored(columns_of(self.chunks)), query).label(
            "distance"
        )

    def _settled_query(
        self, rows: Expression | int, name: str = "asked"
    ) -> tuple[Expression, Expression]:
        """Return the query and what the index would hold of it; reading them makes the settings.

        They stand in a CTE that the query is read from. It is evaluated when the index scan asks
        for its query, so before the scan starts; set_config(…, true) ends with the transaction.
        One statement, one round trip, nothing left behind on the session.
        """
        settings = scan_settings(self._generation.index, rows, bounded=self._is_hiding)
        query = self._query()
        if not settings:
            return query, self.vectors.derived(query)
        asked = cte(
            sa.select(
                query.label("vector"),
                *([self.vectors.derived(query).label("code")] if self.vectors.is_rescored else []),
                *(
                    sa.func.pg_catalog.set_config(constant(name), value, sa.true()).label(
                        name.replace(".", "_")
                    )
                    for name, value in settings
                ),
            ),
            name,
        )
        vector = sa.select(asked.c.vector).scalar_subquery()
        code = sa.select(asked.c.code).scalar_subquery() if self.vectors.is_rescored else vector
        return vector, code


def _location(shape: SearchShape, rows: sa.FromClause) -> list[Expression]:
    """Return where a chunk stands, which Python's hits show and the SQL functions' rows do not."""
    return [] if shape.limit is None else [rows.c.location]


def _key_columns(record: CollectionRecord) -> list[sa.Column[Any]]:
    """Return the columns of a chunk that hold the key of the application's own table."""
    keys = record.source.keys if record.source else ()
    return [sa.Column(key.chunk_name, sql_type(key.type)) for key in keys]


def _nearest_first(found: sa.FromClause, shape: SearchShape) -> sa.Select[Any]:
    return sa.select(found).order_by(found.c.distance + ZERO).limit(written(rows_wanted(shape)))
