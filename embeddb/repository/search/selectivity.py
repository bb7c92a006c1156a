"""How many documents pass a filter: a small sample, then a bounded probe, in the statement itself.

So Python, the CLI and SQL ask the same of the same rows, and none decides by a rule of its own.
"""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from embeddb.db.rendering import Expression, count_all, number
from embeddb.repository.search.document_rows import DocumentRows

EXACT_ROWS = 2_000
"""As many documents are compared one by one faster than an index finds ten among them."""

PROBE_IF_BELOW = 2 * EXACT_ROWS
"""The probe is worth its while where the sample promises so few documents, or fewer."""


@dataclass(frozen=True, kw_only=True)
class Selectivity:
    """What a statement knows of its filter while it runs.

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


def selectivity(rows: DocumentRows, condition: Expression) -> Selectivity:
    """Return the clauses of a statement that find out how selective `condition` is.

    Args:
        rows: the documents that the condition is about.
        condition: what a document has to pass.
    """
    documents = rows.documents
    sample = rows.sample(condition)
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
