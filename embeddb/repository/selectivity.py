"""How many documents pass a filter: a small sample, then a bounded probe, in the statement itself.

So every door asks the same question of the same rows, and none decides by a rule of its own.
"""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa
from psycopg import sql
from sqlalchemy.dialects.postgresql import REGCLASS
from sqlalchemy.sql.selectable import NamedFromClause
from sqlalchemy.sql.util import ClauseAdapter

from embeddb.repository.rendering import Expression, constant, count_all, number
from embeddb.schema.names import Tables

SAMPLE_ROWS = 400
"""Documents that the filter is tried on: half a millisecond."""

EXACT_ROWS = 2_000
"""As many documents are compared one by one faster than an index finds ten among them."""

PROBE_IF_BELOW = 2 * EXACT_ROWS
"""The probe is worth its while where the sample promises so few documents, or fewer."""


@dataclass(frozen=True, kw_only=True)
class Selectivity:
    """What is known of a filter while the statement runs.

    Attributes:
        passing: ids of the documents that pass, as far as they are few; otherwise useless.
        few: whether `passing` is all of them.
        share: how many documents there are for each one that passes.
        count: how many documents pass, about.
    """

    passing: sa.CTE
    few: Expression
    share: Expression
    count: Expression


def selectivity(
    documents: NamedFromClause, table: sa.Table, condition: Expression, names: Tables
) -> Selectivity:
    """Make the parts of a statement that find out how selective `condition` is.

    Args:
        documents: the alias that the condition is about.
        table: the table that it is an alias of.
        condition: what a document has to pass.
        names: the collection's tables.
    """
    sample = _sample(documents, table, condition, names)
    promising = (
        sa.select(sample.c.passed * sample.c.total <= sample.c.seen * number(PROBE_IF_BELOW))
        .select_from(sample)
        .scalar_subquery()
    )
    passing = (
        sa.select(documents.c.id)
        .where(condition, promising)
        .limit(number(EXACT_ROWS + 1))
        .cte("passing")
        .prefix_with("MATERIALIZED")
    )
    counted = (
        sa.select(sa.and_(promising, count_all() <= number(EXACT_ROWS)).label("few"))
        .select_from(passing)
        .cte("planned")
        .prefix_with("MATERIALIZED")
    )
    share = sa.cast(sample.c.seen, sa.Double) / sa.func.greatest(sample.c.passed, number(1))
    count = sample.c.total / share
    return Selectivity(
        passing=passing,
        few=sa.select(counted.c.few).scalar_subquery(),
        share=sa.select(share).select_from(sample).scalar_subquery(),
        count=sa.select(count).select_from(sample).scalar_subquery(),
    )


def _sample(
    documents: NamedFromClause, table: sa.Table, condition: Expression, names: Tables
) -> sa.CTE:
    """Count the documents of a few pages, those that pass, and (as ANALYZE knows) all."""
    name = sql.Identifier(names.schema, names.documents_name).as_string()
    tables = sa.table("pg_class", sa.column("oid"), sa.column("reltuples"), schema="pg_catalog")
    total = (
        sa.select(sa.func.greatest(tables.c.reltuples, number(1)))
        .where(tables.c.oid == sa.cast(constant(name), REGCLASS))
        .scalar_subquery()
    )
    percent = sa.func.least(number(100), number(100.0 * SAMPLE_ROWS) / total)
    some = sa.tablesample(table, sa.func.system(percent), name="s")
    same: dict[Expression, set[Expression]] = {
        column: {table.c[column.key]} for column in documents.c
    }
    asked = ClauseAdapter(some, equivalents=same).traverse(condition)
    return (
        sa.select(
            count_all().label("seen"),
            count_all().filter(asked).label("passed"),
            total.label("total"),
        )
        .select_from(some)
        .cte("sample")
        .prefix_with("MATERIALIZED")
    )
