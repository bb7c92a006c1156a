"""Keys as texts: alike from every renderer and under all settings, and read back as they were."""

from __future__ import annotations

import string
from collections.abc import Iterator
from datetime import date
from typing import NamedTuple

import psycopg
import pytest
import sqlalchemy as sa
from hypothesis import example, given, settings
from hypothesis import strategies as st
from psycopg import sql
from psycopg.rows import TupleRow

from embeddb.db.queries import verbatim
from embeddb.db.rendering import Expression, as_text
from embeddb.schema import key_expressions, keys
from embeddb.schema.attached import KeyColumn, SourceTable
from tests.support.postgres import session

Keys = tuple[KeyColumn, ...]
Connection = psycopg.Connection[TupleRow]

SETTINGS: tuple[dict[str, str], ...] = (
    {},
    {
        "DateStyle": "German, DMY",
        "IntervalStyle": "sql_standard",
        "TimeZone": "Asia/Kathmandu",
        "bytea_output": "escape",
    },
    {
        "DateStyle": "SQL, MDY",
        "IntervalStyle": "iso_8601",
        "TimeZone": "America/St_Johns",
        "bytea_output": "hex",
    },
)

TYPES = """
CREATE TYPE pg_temp.mood AS ENUM ('a "b"', 'it''s', '50%', '{}');
CREATE DOMAIN pg_temp."odd %s {0}" AS text;
"""


class Cell(NamedTuple):
    """A column's type, and a value as a literal that reads alike under all settings."""

    type: str
    literal: str


def _of(type: str, literals: st.SearchStrategy[str]) -> st.SearchStrategy[Cell]:
    return st.builds(Cell, st.just(type), literals)


_TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)
_ODD_TEXT = st.text(st.sampled_from("\"'\\%{}[], \n\té0s"), max_size=8)
_TIME = st.times().map(lambda time: time.isoformat())
_SPECIAL_TIMES = st.sampled_from(["infinity", "-infinity", "epoch"])
_DAY = st.dates().map(lambda day: day.isoformat())
_BC = (
    st.dates(max_value=date(4712, 12, 31))
    .map(lambda day: day.isoformat() + " BC")
    .filter(lambda text: "02-29" not in text)
)
_MOMENT = st.builds("{}T{}".format, _DAY, _TIME)
_ROUNDED = _MOMENT.filter(lambda text: text < "9999")
_ZONE = st.sampled_from(["Z", "+05:45", "-03:30", "+14:00", "-12:00"])

CELLS = st.one_of(
    _of("integer", st.integers(-(2**31), 2**31 - 1).map(str)),
    _of("bigint", st.integers(-(2**63), 2**63 - 1).map(str)),
    _of("numeric", st.decimals(allow_infinity=False, allow_nan=False).map(lambda n: f"{n:f}")),
    _of("numeric", st.just("NaN")),
    _of("numeric(10,3)", st.integers(-(10**9), 10**9).map(lambda n: f"{n}e-3")),
    _of("boolean", st.sampled_from(["true", "false"])),
    _of("uuid", st.uuids().map(str)),
    _of("text", st.one_of(_TEXT, _ODD_TEXT)),
    _of("character varying(20)", _ODD_TEXT),
    _of("character(9)", _ODD_TEXT),
    _of("bytea", st.binary(max_size=9).map(lambda data: "\\x" + data.hex())),
    _of("date", st.one_of(_DAY, _BC, _SPECIAL_TIMES)),
    _of("timestamp without time zone", st.one_of(_MOMENT, _SPECIAL_TIMES)),
    _of("timestamp(3) without time zone", _ROUNDED),
    _of(
        "timestamp with time zone",
        st.one_of(_SPECIAL_TIMES, st.builds("{}{}".format, _MOMENT, _ZONE)),
    ),
    _of("timestamp with time zone", _BC.map(lambda text: text.replace(" BC", " 12:00Z BC"))),
    _of("timestamp(0) with time zone", _ROUNDED.map("{}Z".format)),
    _of("time without time zone", _TIME),
    _of("inet", st.ip_addresses().map(str)),
    _of("pg_temp.mood", st.sampled_from(['a "b"', "it's", "50%", "{}"])),
    _of('pg_temp."odd %s {0}"', _ODD_TEXT),
)


@pytest.fixture(scope="module")
def sessions(server_url: str) -> Iterator[list[Connection]]:
    """A session with each of the settings."""
    with session(server_url) as first, session(server_url) as second, session(server_url) as third:
        found = [first, second, third]
        for connection, given_settings in zip(found, SETTINGS, strict=True):
            connection.execute(TYPES)
            for name, value in given_settings.items():
                connection.execute("SELECT set_config(%s, %s, false)", [name, value])
        yield found


@given(st.lists(CELLS, min_size=1, max_size=4))
@example([Cell("timestamp with time zone", "0044-03-15 12:00Z BC")])
@example([Cell("text", '["1", "2"]'), Cell("text", "")])
@settings(max_examples=150, deadline=None)
def test_a_key_reads_alike_everywhere_and_reads_back(
    sessions: list[Connection], cells: list[Cell]
) -> None:
    columns = tuple(
        KeyColumn(name=letter, type=cell.type)
        for letter, cell in zip(string.ascii_lowercase, cells, strict=False)
    )
    texts = {
        text
        for connection in sessions
        for text in (
            _by_psycopg(connection, columns, cells),
            _by_sqlalchemy(connection, columns, cells),
            _by_search_function(connection, columns, cells),
        )
    }
    (id,) = texts
    for connection in sessions:
        assert _reads_back(connection, columns, cells, id)
    parts = keys.split_key(columns, id)
    assert len(parts) == len(cells)
    for connection in sessions:
        assert _reads_back(connection, columns, cells, keys.join_key(parts))


def _row(cells: list[Cell]) -> sql.Composed:
    """A row `r` with the values."""
    values = [
        sql.SQL("CAST({} AS {}) AS {}").format(
            sql.Literal(cell.literal), verbatim(cell.type), sql.Identifier(letter)
        )
        for letter, cell in zip(string.ascii_lowercase, cells, strict=False)
    ]
    # OFFSET keeps Postgres from evaluating the key of constants while it plans
    return sql.SQL("(SELECT {} OFFSET 0) r").format(sql.SQL(", ").join(values))


def _selected(connection: Connection, written: sql.Composable, cells: list[Cell]) -> str:
    statement = sql.SQL("SELECT {} FROM {}").format(written, _row(cells))
    row = connection.execute(statement).fetchone()
    assert row is not None
    return str(row[0])


def _by_psycopg(connection: Connection, columns: Keys, cells: list[Cell]) -> str:
    names = [sql.Identifier("r", column.name) for column in columns]
    return _selected(connection, keys.key_text_of(columns, names), cells)


def _columns(columns: Keys) -> list[Expression]:
    row = sa.table("r", *(sa.column(column.name) for column in columns))
    return [row.c[column.name] for column in columns]


def _compiled(expression: Expression) -> sql.Composable:
    text, values = as_text(expression)
    assert not values
    return verbatim(text.replace("%%", "%"))


def _by_sqlalchemy(connection: Connection, columns: Keys, cells: list[Cell]) -> str:
    written = key_expressions.key_text(columns, _columns(columns))
    return _selected(connection, _compiled(written), cells)


def _by_search_function(connection: Connection, columns: Keys, cells: list[Cell]) -> str:
    parts = keys.function_parts()
    declared = sql.SQL(", ").join(
        sql.SQL("({}, {}, {})").format(number, sql.Literal(one.type), sql.Literal("r." + one.name))
        for number, one in enumerate(columns)
    )
    written = connection.execute(
        sql.SQL("SELECT {} FROM (VALUES {}) k (place, type, name) ORDER BY k.place").format(
            parts["key_text"], declared
        )
    ).fetchall()
    texts = [row[0] for row in written]
    if len(texts) > 1:
        array = sql.SQL("SELECT pg_catalog.format({}, {})")
        row = connection.execute(
            array.format(parts["key_array"], sql.Literal(", ".join(texts)))
        ).fetchone()
        assert row is not None
        texts = [row[0]]
    return _selected(connection, verbatim(texts[0]), cells)


def _reads_back(connection: Connection, columns: Keys, cells: list[Cell], id: str) -> bool:
    literal = sql.SQL("{}::text").format(sql.Literal(id))
    by_psycopg = [keys.key_value(columns, place, literal) for place in range(len(columns))]
    expression: Expression = sa.literal_column("k.id")
    by_sqlalchemy = [
        _compiled(key_expressions.key_value(columns, place, expression))
        for place in range(len(columns))
    ]
    same = [
        sql.SQL("r.{} IS NOT DISTINCT FROM {}").format(sql.Identifier(column.name), value)
        for values in (by_psycopg, by_sqlalchemy)
        for column, value in zip(columns, values, strict=True)
    ]
    statement = sql.SQL("SELECT {} FROM {}, (SELECT {} AS id) k").format(
        sql.SQL(" AND ").join(same), _row(cells), literal
    )
    row = connection.execute(statement).fetchone()
    assert row is not None
    return bool(row[0])


def test_statements_with_parameters_read_keys_too(sessions: list[Connection]) -> None:
    source = SourceTable(
        schema="public",
        table="t",
        keys=(KeyColumn(name="a", type='pg_temp."odd %s {0}"'), KeyColumn(name="b", type="bytea")),
    )
    values = keys.key_values(source, sql.Placeholder("after"))
    statement = sql.SQL("SELECT {}").format(values)
    for connection in sessions:
        key = {"after": keys.join_key(["50%", "00ff"])}
        assert connection.execute(statement, key).fetchone() == ("50%", b"\x00\xff")
