"""What a collection needs in the database beside its chunks where its source is somebody's table.

Pure: each function returns statements to be executed without parameters, or to be printed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from psycopg import sql

from embeddb.db.queries import Name, fragment, script, verbatim
from embeddb.db.session import as_clauses
from embeddb.schema import attached_sql
from embeddb.schema.attached import SourceTable
from embeddb.schema.catalog import CollectionRecord
from embeddb.schema.chunkers import TITLE, ChunkerSpec
from embeddb.schema.keys import has_key_function, key_text, key_value

EVENTS = ("insert", "update", "delete", "truncate")

REFERENCING = {
    "insert": "REFERENCING NEW TABLE AS new_rows",
    "update": "REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows",
    "delete": "REFERENCING OLD TABLE AS old_rows",
    "truncate": "",
}

_QUEUE = ("collections", "jobs", "failed_jobs", "backfills")

MAX_IDENTIFIER_BYTES = 63


@dataclass(frozen=True, kw_only=True, slots=True)
class FollowedTable:
    """A table whose changes a collection follows: the source itself, or a partition of it.

    Attributes:
        is_whole: whether nothing of the source is outside of it, so that emptying it empties all.
    """

    schema: str
    table: str
    is_whole: bool = True


def follower_names(record: CollectionRecord) -> list[str]:
    """Return the names of the functions that follow a source, and what its text is read from."""
    numbers = range(len(source_of(record).dependencies))
    return [
        *map(record.tables.trigger_function, EVENTS),
        *map(record.tables.dependency_function, numbers),
    ]


def tables_of(source: SourceTable) -> tuple[FollowedTable]:
    """Return what is followed where nothing is known of partitions: the source alone."""
    return (FollowedTable(schema=source.schema, table=source.table),)


def statements(
    record: CollectionRecord, followed: Sequence[FollowedTable] | None = None
) -> list[sql.Composed]:
    """Return the statements that make a source followed, in order, without the chunks' table."""
    source = source_of(record)
    return [
        *key_functions(record),
        view(record),
        *trigger_functions(record),
        *triggers(record, followed or tables_of(source)),
    ]


def source_of(record: CollectionRecord) -> SourceTable:
    """Return the source of a collection that is attached."""
    assert record.source is not None
    return record.source


def view(record: CollectionRecord) -> sql.Composed:
    """Return the statement for the view that reads the source's rows as documents."""
    source = source_of(record)
    passes = attached_sql.passes(source)
    return script(
        "templates",
        "attached_view",
        view=sql.Identifier(record.tables.schema, record.tables.documents_name),
        columns=sql.SQL(",\n       ").join(_view_columns(source)),
        source=table(source),
        alias=sql.Identifier(source.alias),
        where=sql.SQL("") if passes is None else sql.SQL("WHERE {}").format(passes),
    )


def documents_select(source: SourceTable) -> list[tuple[str, sql.Composable]]:
    """Return the columns of the view: each one's name, and the SQL that reads it."""
    null = sql.SQL("NULL::text")
    return [
        ("id", key_text(source)),
        *((key.view_name, sql.Identifier(key.name)) for key in source.keys),
        ("content", attached_sql.content(source)),
        ("metadata", attached_sql.metadata(source)),
        ("uri", null),
        ("media_type", attached_sql.media_type(source)),
        *((name, sql.Identifier(name)) for name in source.shown),
    ]


def _view_columns(source: SourceTable) -> Iterable[sql.Composable]:
    for name, written in documents_select(source):
        yield sql.SQL("{} AS {}").format(written, sql.Identifier(name))


def key_functions(record: CollectionRecord) -> list[sql.Composed]:
    """Return the functions that read columns of a key whose type's input is not immutable."""
    source = source_of(record)
    return [
        script(
            "templates",
            "attached_key",
            settings=as_clauses(),
            function=key_function(record, position),
            type=verbatim(key.type),
            value=key_value(source.keys, position, sql.Identifier("_id")),
        )
        for position, key in enumerate(source.keys)
        if has_key_function(key)
    ]


def key_columns(record: CollectionRecord) -> sql.Composable:
    """Return the columns of a table of chunks that hold the source's own key, for CREATE TABLE."""
    if record.source is None:
        return sql.SQL("")
    keys = record.source.keys
    id = sql.Identifier("id")
    columns = []
    for position, key in enumerate(keys):
        value = key_value(keys, position, id)
        if has_key_function(key):
            function = Name(record.tables.schema, record.tables.key_function(position))
            value = sql.SQL("{}({})").format(function, id)
        columns.append(
            sql.SQL("{} {} GENERATED ALWAYS AS ({}) STORED,").format(
                Name(key.chunk_name), fragment(key.type), value
            )
        )
    return sql.SQL(" ").join(columns)


def retyped(record: CollectionRecord, before: SourceTable) -> list[sql.Composed]:
    """Return the statements by which a table of chunks has the key's columns in their new types."""
    keys = source_of(record).keys
    statements = []
    for position, (old, new) in enumerate(zip(before.keys, keys, strict=True)):
        if old.type == new.type:
            continue
        statements.append(
            script(
                "templates",
                "chunks_key_type",
                chunks=_chunks(record),
                column=sql.Identifier(new.chunk_name),
                type=verbatim(new.type),
                value=key_value(keys, position, sql.Identifier("id")),
            )
        )
    return statements


def key_function(record: CollectionRecord, position: int) -> sql.Identifier:
    """Return the name of the function that reads a column of a key."""
    return sql.Identifier(record.tables.schema, record.tables.key_function(position))


def policy(record: CollectionRecord) -> sql.Composed:
    """Return the policy that hides the chunks of the rows that are hidden."""
    source = source_of(record)
    return script(
        "templates",
        "attached_policy",
        chunks=_chunks(record),
        source=table(source),
        same=_same(source),
    )


def trigger_functions(record: CollectionRecord) -> list[sql.Composed]:
    """Return the functions that the triggers call; they name the active generation's table."""
    source = source_of(record)
    own = record.tables.schema
    names: dict[str, sql.Composable] = {
        **{t: sql.Identifier(own, t) for t in _QUEUE},
        "name": sql.Literal(record.name),
        "chunks": _chunks(record),
    }
    old, new = _keys_of(source, "old_rows"), _keys_of(source, "new_rows")
    updates = _updates(source, _watched(record))
    filtered = _keys_of(source, "new_rows", attached_sql.passes(source))
    changed = sql.SQL("(SELECT u.key FROM {} u WHERE u.changed)").format(updates)
    gone = sql.SQL("(SELECT u.old_key AS key FROM {} u WHERE u.gone)").format(updates)
    replaced = sql.SQL("(SELECT k.key FROM {} k EXCEPT SELECT k.key FROM {} k)").format(old, new)
    every = _snippet("enqueue", new, names)
    bodies: dict[str, dict[str, sql.Composable]] = {
        "insert": {
            "probed": filtered,
            "enqueue_all": every,
            "enqueue": _snippet("enqueue", filtered, names),
        },
        "update": {
            "updates": updates,
            "enqueue_all": every,
            "remove_replaced": _snippet("remove", replaced, names),
            "remove": _snippet("remove", gone, names),
            "enqueue": _snippet("enqueue", changed, names),
        },
        "delete": {"keys": old, "remove": _snippet("remove", old, names)},
        # by the view, which stays bound to its table when another takes its name
        "truncate": {
            "source": sql.Identifier(own, record.tables.documents_name),
            "same": _same(source, "c", in_view=True),
        },
    }
    return [
        script(
            "templates",
            "attached_" + event,
            settings=as_clauses(),
            function=sql.Identifier(own, record.tables.trigger_function(event)),
            **names,
            **bodies[event],
        )
        for event in EVENTS
    ]


def triggers(record: CollectionRecord, followed: Sequence[FollowedTable]) -> list[sql.Composed]:
    """Return the triggers on the source, and on each of its partitions."""
    return [
        script(
            "templates",
            "attached_trigger",
            trigger=sql.Identifier(trigger_name(record.name, event)),
            event=sql.SQL(event.upper()),
            table=sql.Identifier(one.schema, one.table),
            referencing=sql.SQL(REFERENCING[event]),
            function=sql.Identifier(record.tables.schema, record.tables.trigger_function(event)),
            argument=sql.SQL("'all'" if one.is_whole else "'part'"),
        )
        for one in followed
        for event in EVENTS
    ]


def trigger_name(collection: str, event: str) -> str:
    """Return a trigger's name; Postgres would cut a longer one at the same place, and say so."""
    name = "embeddb_" + collection + "_" + event
    return name.encode()[:MAX_IDENTIFIER_BYTES].decode(errors="ignore")


def table(source: SourceTable) -> sql.Identifier:
    """Return the source's name."""
    return sql.Identifier(source.schema, source.table)


def _chunks(record: CollectionRecord) -> sql.Identifier:
    return sql.Identifier(record.tables.schema, record.tables.chunks_name)


def _same(
    source: SourceTable, chunks: str | None = None, *, in_view: bool = False
) -> sql.Composable:
    """Return the condition that a row `s` of the source, or of its view, is that of a chunk."""
    return sql.SQL(" AND ").join(
        sql.SQL("{} = {}").format(
            sql.Identifier("s", key.view_name if in_view else key.name),
            sql.Identifier(*filter(None, [chunks]), key.chunk_name),
        )
        for key in source.keys
    )


def _snippet(name: str, keys: sql.Composable, names: dict[str, sql.Composable]) -> sql.Composable:
    return script("templates", "attached_" + name, keys=keys, **names)


def _keys_of(
    source: SourceTable, rows: str, passes: sql.Composable | None = None
) -> sql.Composable:
    """Return a subquery for the keys of a statement's rows, or of those that take part.

    The rows go by the table's own name, as in what the user wrote of them.
    """
    return sql.SQL("(SELECT {} AS key FROM {} AS {} {})").format(
        key_text(source, source.alias),
        sql.Identifier(rows),
        sql.Identifier(source.alias),
        sql.SQL("") if passes is None else sql.SQL("WHERE {}").format(passes),
    )


def _watched(record: CollectionRecord) -> tuple[str, ...]:
    """Return the columns that chunks are made of: texts, titles, and what they are laid out by."""
    source, layout = source_of(record), record.generation.layout
    by_layout = () if layout is None else (layout.field,)
    has_title = ChunkerSpec.stored(record.generation.chunker).reads_title
    title = source.title_column or TITLE
    titles = [title] if has_title and title in source.metadata_read else []
    return tuple(dict.fromkeys((*source.content_columns, *by_layout, *titles)))


def _updates(source: SourceTable, watched: Sequence[str]) -> sql.Composable:
    """Return a subquery of what became of each row of an UPDATE: changed, gone, or neither."""
    compared = [part for name in watched for part in attached_sql.comparable(source, name)]
    names = [sql.Identifier("c" + str(number)) for number in range(len(compared))]
    changes = [sql.SQL("o.{0} IS DISTINCT FROM n.{0}").format(name) for name in names]
    columns = [
        sql.SQL(", {} AS {}").format(part, name) for part, name in zip(compared, names, strict=True)
    ]
    # a FULL JOIN is never done row by row, so a plan made for one row serves 100,000 too; OFFSET
    # keeps Postgres from making a lesser join of it where only some of its rows are wanted
    return sql.SQL(
        "(SELECT n.key, o.key AS old_key, "
        "n.passes AND (o.passes IS NOT TRUE OR {}) AS changed, "
        "o.passes AND n.passes IS NOT TRUE AS gone "
        "FROM {} o FULL JOIN {} n ON n.key OPERATOR(pg_catalog.=) o.key OFFSET 0)"
    ).format(
        sql.SQL(" OR ").join(changes) if changes else sql.SQL("false"),
        _compared(source, "old_rows", columns),
        _compared(source, "new_rows", columns),
    )


def _compared(source: SourceTable, rows: str, columns: Sequence[sql.Composable]) -> sql.Composable:
    return sql.SQL("(SELECT {} AS key{}, {} IS TRUE AS passes FROM {} AS {})").format(
        key_text(source, source.alias),
        sql.SQL("").join(columns),
        attached_sql.passes(source) or sql.SQL("true"),
        sql.Identifier(rows),
        sql.Identifier(source.alias),
    )
