"""The compiler: every search, from whichever door, is a statement that is made here.

The shape follows pgvector's advice (https://github.com/pgvector/pgvector#iterative-index-scans):
the nearest rows in a MATERIALIZED CTE that is ordered by the index's own expression, a distance
threshold and the final order outside it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import sqlalchemy as sa
from pgvector.sqlalchemy import HALFVEC, VECTOR
from psycopg import sql
from sqlalchemy.dialects.postgresql import INT4RANGE, JSONB
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg

from embeddb.schema.catalog import CollectionRecord
from embeddb.schema.distances import Distance
from embeddb.schema.indexes import DEFAULT_EF_SEARCH, HNSW, MAX_EF_SEARCH, IVFFlat
from embeddb.schema.storage import Storage

Expression: TypeAlias = sa.ColumnElement[Any]

_DIALECT: sa.Dialect = PGDialect_psycopg()  # type: ignore[no-untyped-call]

PARAMETERS = ("query", "limit", "filter", "max_distance", "without")
"""What a search passes to its statement; in the SQL function the first four are $1 to $4."""

# of a distance's own type: pg_catalog has no double precision + integer, so whoever may create
# operators in a schema of the search_path could give it one
_ZERO: sa.ColumnElement[float] = sa.literal_column("0::double precision", sa.Double)
_ONE: sa.ColumnElement[float] = sa.literal_column("1::double precision", sa.Double)


@dataclass(frozen=True, kw_only=True, slots=True)
class Wish:
    """What a search asks for, apart from the query itself.

    Attributes:
        limit: rows wanted; None makes it a parameter of the statement.
        filter: True: a JSON filter comes as a parameter; an expression is taken as it is.
        max_distance: whether a threshold comes as a parameter.
        exact: read every row instead of an index.
        without: whether an id to leave out comes as a parameter.
    """

    limit: int | None = 10
    filter: bool | Expression = False
    max_distance: bool = False
    exact: bool = False
    without: bool = False


class Compiler:
    """Makes the statements that search one collection."""

    def __init__(self, record: CollectionRecord, *, schema: str, vector_schema: str) -> None:
        metadata = sa.MetaData(schema=schema)
        self._generation = record.generation
        self._schema = schema
        self._vector_schema = vector_schema
        documents = sa.Table(
            record.tables.documents_name,
            metadata,
            sa.Column("id", sa.Text, primary_key=True),
            sa.Column("content", sa.Text),
            sa.Column("metadata", JSONB),
            sa.Column("uri", sa.Text),
            sa.Column("media_type", sa.Text),
            sa.Column("created_at", sa.DateTime(timezone=True)),
            sa.Column("updated_at", sa.DateTime(timezone=True)),
        )
        self.documents = documents.alias("d")
        kind = VECTOR if record.generation.storage is Storage.VECTOR else HALFVEC
        chunks = sa.Table(
            record.tables.chunks_name,
            metadata,
            sa.Column("id", sa.Text, primary_key=True),
            sa.Column("chunk_no", sa.Integer, primary_key=True),
            sa.Column("content", sa.Text),
            sa.Column("span", INT4RANGE),
            sa.Column("embedding", kind(record.generation.dim)),
        )
        self.chunks = chunks.alias("c")

    def select(self, wish: Wish) -> sa.Select[Any]:
        """Make the statement: id, chunk_no, content, metadata, distance, score, uri, span."""
        nearest = self._nearest(wish)
        rows = self.documents.join(nearest, nearest.c.id == self.documents.c.id)
        distance = nearest.c.distance
        statement = sa.select(
            nearest.c.id,
            nearest.c.chunk_no,
            nearest.c.content,
            self.documents.c.metadata,
            distance,
            self._score(distance).label("score"),
            self.documents.c.uri,
            *self._span(nearest, wish),
        ).select_from(rows)
        if wish.max_distance:
            bound = _parameter("max_distance", sa.Double())
            within = distance <= bound
            statement = statement.where(
                sa.or_(bound.is_(None), within) if wish.limit is None else within
            )
        # `+ 0` keeps the planner from trusting the order of a relaxed scan
        return statement.order_by(distance + _ZERO, nearest.c.id, nearest.c.chunk_no)

    def _span(self, nearest: sa.CTE, wish: Wish) -> list[Expression]:
        if wish.limit is None:  # the SQL function gives the range as it is
            return [nearest.c.span]
        return [
            sa.func.pg_catalog.lower(nearest.c.span, type_=sa.Integer).label("start"),
            sa.func.pg_catalog.upper(nearest.c.span, type_=sa.Integer).label("stop"),
        ]

    def condition(self, wanted: bool | Expression) -> Expression:
        """Make the condition of a filter on the documents."""
        if isinstance(wanted, bool):
            # SQLAlchemy doubles percent signs everywhere but in the schema of a function
            own = getattr(sa.func, sa.quoted_name(self._schema.replace("%", "%%"), True))
            path = own.filter_path(_parameter("filter", JSONB()))
            return self.documents.c.metadata.bool_op("OPERATOR(pg_catalog.@@)")(path)
        return wanted

    def names(self) -> Sequence[str]:
        """Name the settings that a statement may set for itself."""
        if isinstance(self._generation.index, IVFFlat):
            return ("ivfflat.probes", "ivfflat.iterative_scan")
        if isinstance(self._generation.index, HNSW):
            return ("hnsw.ef_search", "hnsw.iterative_scan")
        return ()

    def _nearest(self, wish: Wish) -> sa.CTE:
        chunks, filtered = self.chunks, wish.filter is not False
        rows: sa.FromClause = chunks
        if filtered:
            rows = chunks.join(self.documents, self.documents.c.id == chunks.c.id)
        operator = self._generation.distance.operator
        distance = chunks.c.embedding.op(
            "OPERATOR(" + sql.Identifier(self._vector_schema).as_string() + "." + operator + ")",
            return_type=sa.Double,
        )(self._query(wish)).label("distance")
        statement = sa.select(
            chunks.c.id, chunks.c.chunk_no, chunks.c.content, chunks.c.span, distance
        ).select_from(rows)
        if filtered:
            statement = statement.where(self.condition(wish.filter))
        if wish.without:
            statement = statement.where(chunks.c.id != _parameter("without", sa.Text()))
        limit: Any = (
            _parameter("limit", sa.Integer())
            if wish.limit is None
            else sa.literal_column(str(int(wish.limit)))
        )
        # an expression that is not the index's own: Postgres has to look at every row
        order = distance + _ZERO if wish.exact else distance
        return statement.order_by(order).limit(limit).cte("nearest").prefix_with("MATERIALIZED")

    def _query(self, wish: Wish) -> Expression:
        """Give the query vector in the column's type, after whatever must be set for the scan.

        The settings stand in a CTE that the query is read from. It is evaluated when the index
        scan asks for its query, so before the scan starts; set_config(…, true) ends with the
        transaction. One statement, one round trip, nothing left behind on the session.
        """
        query = self._typed(_parameter("query", VECTOR()), "vector")
        if self._generation.storage is Storage.HALFVEC:
            query = self._typed(query, "halfvec")
        settings = [] if wish.exact else self._settings(wish)
        if not settings:
            return query
        values = (
            sa.func.pg_catalog.set_config(_constant(name), value, sa.true()).label(
                name.replace(".", "_")
            )
            for name, value in settings
        )
        source = sa.select(*values).cte("settings").prefix_with("MATERIALIZED")
        return sa.select(query).select_from(source).scalar_subquery()

    def _typed(self, value: Expression, kind: str) -> Expression:
        return sa.cast(value, _Qualified(self._vector_schema, kind))

    def _settings(self, wish: Wish) -> list[tuple[str, Expression]]:
        match self._generation.index:
            case HNSW(ef_search=ef_search):
                return _hnsw_settings(ef_search or DEFAULT_EF_SEARCH, wish.limit)
            case IVFFlat(probes=probes):
                # what the probed lists lack of the limit is looked for in the next nearest ones
                scan = ("ivfflat.iterative_scan", _constant("relaxed_order"))
                return [scan, ("ivfflat.probes", _constant(str(probes or 1)))]
            case _:
                return []

    def _score(self, distance: Expression) -> Expression:
        match self._generation.distance:
            case Distance.COSINE:
                return _ONE - distance
            case Distance.INNER_PRODUCT:
                return -distance
            case _:
                return _ONE / (_ONE + distance)


def _hnsw_settings(ef_search: int, limit: int | None) -> list[tuple[str, Expression]]:
    """Read ef_search rows, or as many as are wanted, and then go on until there are enough.

    Without iterative scan the dead among the ef_search nearest would be missing in the answer.
    """
    settings = [("hnsw.iterative_scan", _constant("relaxed_order"))]
    if limit is None:
        wanted = _parameter("limit", sa.Integer())
        chosen: Expression = sa.cast(
            sa.func.least(sa.func.greatest(wanted, ef_search), MAX_EF_SEARCH), sa.Text
        )
        settings.append(("hnsw.ef_search", chosen))
    elif (candidates := min(max(limit, ef_search), MAX_EF_SEARCH)) != DEFAULT_EF_SEARCH:
        settings.append(("hnsw.ef_search", _constant(str(candidates))))
    return settings


def _parameter(name: str, kind: sa.types.TypeEngine[Any]) -> sa.BindParameter[Any]:
    """Make a parameter of the statement; it is there by name, whatever the door."""
    return sa.bindparam(name, None, type_=kind)


def _constant(text: str) -> Expression:
    """Write a setting's name or value, one of this module's own, into the statement."""
    return sa.literal_column("'" + text + "'", sa.Text)


class _Qualified(sa.types.UserDefinedType[Any]):
    """A type of pgvector's, named with the schema that the extension is in."""

    cache_ok = True

    def __init__(self, schema: str, kind: str) -> None:
        self.schema = schema
        self.kind = kind

    def get_col_spec(self, **keywords: object) -> str:
        """Write the type's name."""
        return _quoted(self.schema) + "." + self.kind


def _quoted(name: str) -> str:
    return _DIALECT.identifier_preparer.quote(name)


def as_text(statement: sa.ClauseElement) -> tuple[str, dict[str, Any]]:
    """Write a statement as psycopg reads it, with the parameters that it brings itself."""
    compiled = statement.compile(dialect=_DIALECT, compile_kwargs={"render_postcompile": True})
    given = {name: value for name, value in compiled.params.items() if name not in PARAMETERS}
    return str(compiled), given


def as_function_body(statement: sa.ClauseElement) -> str:
    """Write a statement with $1 (query), $2 (limit), $3 (filter) and $4 (max_distance)."""
    text, given = as_text(statement)
    places = {name: "$" + str(number) for number, name in enumerate(PARAMETERS, start=1)}
    return text % (places | {name: str(int(value)) for name, value in given.items()})
