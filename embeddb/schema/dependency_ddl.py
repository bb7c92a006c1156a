"""What follows the other tables that a row's text is read from: a function and triggers for each.

Pure: each function returns statements to be executed without parameters, or to be printed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from psycopg import sql

from embeddb.db.queries import script, verbatim
from embeddb.db.session import as_clauses
from embeddb.schema import attached_sql
from embeddb.schema.attached import SourceTable
from embeddb.schema.attached_ddl import REFERENCING, FollowedTable, source_of
from embeddb.schema.catalog import CollectionRecord
from embeddb.schema.dependencies import Dependency
from embeddb.schema.keys import key_text_of

_SHORT = {"insert": "ins", "update": "upd", "delete": "del", "truncate": "trn"}
"""Of an event in the name of a trigger, which is never cut then: two would be alike."""

_PARENTS = sql.Identifier("embeddb_parents")
_QUEUE = ("collections", "jobs", "failed_jobs", "backfills")


def functions(record: CollectionRecord) -> list[sql.Composed]:
    """Return the functions that the triggers on the other tables call, one for each table."""
    source, own = source_of(record), record.tables.schema
    names: dict[str, sql.Composable] = {
        **{t: sql.Identifier(own, t) for t in _QUEUE},
        "name": sql.Literal(record.name),
    }
    given = sql.SQL("(SELECT u.key FROM pg_catalog.unnest(_keys) u (key))")
    return [
        script(
            "templates",
            "dependency_function",
            settings=as_clauses(),
            function=function_name(record, number),
            inserted=_keys(source, one, sql.Identifier("new_rows")),
            updated=sql.SQL(" UNION ").join(
                [
                    _keys(source, one, _only(source, one, "new_rows", "old_rows")),
                    _keys(source, one, _only(source, one, "old_rows", "new_rows"), are_old=True),
                ]
            ),
            deleted=_keys(source, one, sql.Identifier("old_rows"), are_old=True),
            enqueue=script("templates", "attached_enqueue", keys=given, **names),
            **names,
        )
        for number, one in enumerate(source.dependencies)
    ]


def triggers(
    record: CollectionRecord, followed: Sequence[Sequence[FollowedTable]]
) -> list[sql.Composed]:
    """Return the triggers on the other tables, and on each of their partitions."""
    return [
        script(
            "templates",
            "attached_trigger",
            trigger=sql.Identifier(trigger_name(record.name, number, event)),
            event=sql.SQL(event.upper()),
            table=sql.Identifier(one.schema, one.table),
            referencing=sql.SQL(REFERENCING[event]),
            function=function_name(record, number),
            argument=sql.SQL(""),
        )
        for number, tables in enumerate(followed)
        for one in tables
        for event in _SHORT
    ]


def trigger_names(collection: str, number: int) -> set[str]:
    """Return the names of all triggers on one of the other tables."""
    return {trigger_name(collection, number, event) for event in _SHORT}


def trigger_name(collection: str, number: int, event: str) -> str:
    """Return the name of a trigger on one of the other tables, at most 63 bytes."""
    return f"embeddb_{collection}_{number + 1}_{_SHORT[event]}"


def function_name(record: CollectionRecord, number: int) -> sql.Identifier:
    """Return the name of the function that follows one of the other tables."""
    return sql.Identifier(record.tables.schema, record.tables.dependency_function(number))


def parents(
    dependency: Dependency, count: int, rows: sql.Composable
) -> tuple[sql.Composed, list[sql.Composable]]:
    """Return a FROM clause that leads from changed rows to the keys of others, and its columns."""
    columns = [sql.Identifier("key_" + str(number + 1)) for number in range(count)]
    clause = sql.SQL("{rows} AS {alias} CROSS JOIN LATERAL ({select}) AS {parents} ({columns})")
    found = clause.format(
        rows=rows,
        alias=sql.Identifier(dependency.table),
        select=verbatim(dependency.parents_sql),
        parents=_PARENTS,
        columns=sql.SQL(", ").join(columns),
    )
    return found, [sql.SQL("{}.{}").format(_PARENTS, column) for column in columns]


def _keys(
    source: SourceTable, dependency: Dependency, rows: sql.Composable, *, are_old: bool = False
) -> sql.Composable:
    """Return a query for the keys of the rows whose text reads some changed rows, each once.

    Where old rows had a foreign key, whoever they led to was committed: if nobody sees it any more
    it was deleted, and the rows with it by a cascade.
    """
    clause, columns = parents(dependency, len(source.keys), rows)
    conditions: list[sql.Composable] = [
        sql.SQL("{} IS NOT NULL").format(column) for column in columns
    ]
    if are_old and dependency.is_foreign_key:
        same = (
            sql.SQL("s.{} OPERATOR(pg_catalog.=) {}").format(sql.Identifier(key.name), column)
            for key, column in zip(source.keys, columns, strict=True)
        )
        conditions.append(
            sql.SQL("EXISTS (SELECT FROM {} AS s WHERE {})").format(
                sql.Identifier(source.schema, source.table), sql.SQL(" AND ").join(same)
            )
        )
    return sql.SQL("SELECT DISTINCT {} AS key FROM {} WHERE {}").format(
        key_text_of(source.keys, columns), clause, sql.SQL(" AND ").join(conditions)
    )


def _only(source: SourceTable, dependency: Dependency, rows: str, others: str) -> sql.Composable:
    """Return a subquery for the rows on one side of an UPDATE that are not on the other.

    Rows are compared as a bag: what is there before and after, in whichever row, changes no text.
    So no key is needed to find a row's earlier self.
    """
    table = source.table_of(dependency)
    kept = [sql.Identifier(name) for name in dependency.parent_columns]
    rest = [name for name in dependency.columns if name not in dependency.parent_columns]
    compared = [part for name in rest for part in attached_sql.comparable(table, name)]
    columns = sql.SQL(", ").join([*kept, *_named(compared)])
    return sql.SQL("(SELECT {0} FROM {1} EXCEPT ALL SELECT {0} FROM {2})").format(
        columns, sql.Identifier(rows), sql.Identifier(others)
    )


def _named(columns: Iterable[sql.Composable]) -> Iterator[sql.Composable]:
    for number, column in enumerate(columns):
        yield sql.SQL("{} AS {}").format(column, sql.Identifier("compared_" + str(number)))
