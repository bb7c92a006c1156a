"""What an application's own writes pay for a collection that is attached to its table.

Two equal tables, one of them attached: the same statement on one and on the other in turns, each
in a transaction of its own that is flushed to disk, as an application's is. A column of the text
is `declared`, any other is not. Bulk statements are of many rows at once.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import psycopg
from psycopg import sql

import embeddb
from benchmarks.common import fresh_database, parser, show
from embeddb.records import ModelInfo, Role, Vector

TABLE = sql.SQL("""
CREATE TABLE {table} (
    id bigint PRIMARY KEY, title text NOT NULL, body text NOT NULL, views integer NOT NULL DEFAULT 0
)
""")
FILL = sql.SQL("""
INSERT INTO {table} (id, title, body)
SELECT n, 'the title of article ' || n, repeat('a sentence of its text, number ' || n || '. ', 25)
  FROM generate_series(1, {rows}) n
""")
SINGLE = {
    "update, undeclared": "UPDATE {table} SET views = views + 1 WHERE id = %(id)s",
    "update, declared": "UPDATE {table} SET title = %(title)s WHERE id = %(id)s",
    "insert": "INSERT INTO {table} (id, title, body) VALUES (%(new)s, %(title)s, 'text')",
    "delete": "DELETE FROM {table} WHERE id = %(new)s",
}
BULK = {
    "update, undeclared": "UPDATE {table} SET views = views + 1 WHERE id <= %(rows)s",
    "update, declared": "UPDATE {table} SET title = title || '.' WHERE id <= %(rows)s",
    "insert": "INSERT INTO {table} (id, title, body) SELECT id + 100000000, title, body "
    "FROM {table} WHERE id <= %(rows)s",
    "delete": "DELETE FROM {table} WHERE id > 100000000",
}
TABLES = ("plain", "attached")


class Zeros:
    """An encoder that nothing is encoded with: no worker runs."""

    @property
    def info(self) -> ModelInfo:
        return ModelInfo(name="zeros", fingerprint="zeros", dim=384, normalized=True)

    def encode(self, texts: Sequence[str], role: Role = "document") -> Vector:
        return np.zeros((len(texts), 384), dtype=np.float32)


def main() -> None:
    made = parser(__doc__)
    made.add_argument("--rows", type=int, default=100_000)
    made.add_argument("--bulk", type=int, default=100_000)
    made.add_argument("--repeats", type=int, default=2_000)
    options = made.parse_args()
    with fresh_database(options.dsn) as url:
        prepare(url, options.rows)
        with psycopg.connect(url, autocommit=True) as connection:
            single = [
                row(way, one_by_one(connection, text, options.repeats))
                for way, text in SINGLE.items()
            ]
            rounds = max(options.rounds, 3)
            bulk = [
                row(way, at_once(connection, text, options.bulk, rounds))
                for way, text in BULK.items()
            ]
    show(options, f"One row a statement, milliseconds, {options.repeats:,} of each", single)
    show(options, f"{options.bulk:,} rows a statement, milliseconds", bulk)


def prepare(url: str, rows: int) -> None:
    """Make both tables, and attach to one; its queue is empty and no chunk is there."""
    with psycopg.connect(url, autocommit=True) as connection:
        for name in TABLES:
            table = sql.Identifier(name)
            connection.execute(TABLE.format(table=table))
            connection.execute(FILL.format(table=table, rows=sql.Literal(rows)))
            connection.execute(sql.SQL("VACUUM ANALYZE {}").format(table))
        with embeddb.connect(url) as store:
            store.attach("attached", text="title, body", metadata=["views"], model=Zeros())


def one_by_one(
    connection: psycopg.Connection[Any], text: str, repeats: int
) -> dict[str, list[float]]:
    """Time a statement on a row at a time, one table after the other, in changing order."""
    random = np.random.default_rng(0)
    found: dict[str, list[float]] = {name: [] for name in TABLES}
    for number in range(repeats):
        order = TABLES if number % 2 else TABLES[::-1]
        values = {"id": int(random.integers(1, 100_000)), "title": f"another title {number}"}
        values["new"] = 50_000_000 + number
        for name in order:
            found[name].append(timed(connection, text, name, values))
    return {name: times[repeats // 10 :] for name, times in found.items()}


def at_once(
    connection: psycopg.Connection[Any], text: str, rows: int, rounds: int
) -> dict[str, list[float]]:
    """Time a statement on many rows; between two of them the queue is emptied, and vacuumed."""
    found: dict[str, list[float]] = {name: [] for name in TABLES}
    for number in range(rounds):
        for name in TABLES if number % 2 else TABLES[::-1]:
            connection.execute("TRUNCATE embeddb.jobs")
            values: dict[str, Any] = {"rows": rows}
            if "INSERT" in text or "DELETE" in text:
                connection.execute(
                    sql.SQL("DELETE FROM {} WHERE id > 100000000").format(sql.Identifier(name))
                )
            if "DELETE" in text:
                connection.execute(fill(name), {"rows": rows})
            connection.execute(sql.SQL("VACUUM {}").format(sql.Identifier(name)))
            connection.execute("CHECKPOINT")
            found[name].append(timed(connection, text, name, values))
    return found


def fill(name: str) -> sql.Composed:
    """Return the statement that adds the rows that are to be deleted."""
    return sql.SQL(BULK["insert"]).format(table=sql.Identifier(name))


def timed(
    connection: psycopg.Connection[Any], text: str, table: str, values: dict[str, Any]
) -> float:
    """Run a statement in a transaction of its own, and give its milliseconds."""
    statement = sql.SQL(text).format(table=sql.Identifier(table))
    start = time.perf_counter()
    connection.execute(statement, values)
    return 1000 * (time.perf_counter() - start)


def row(way: str, times: dict[str, list[float]]) -> dict[str, Any]:
    """Set the two beside each other; the overhead is of the medians."""

    def at(name: str, share: float) -> float:
        return float(np.quantile(times[name], share))

    medians: Callable[[str], float] = lambda name: at(name, 0.5)  # noqa: E731
    return {
        "way": way,
        "p50 plain": medians("plain"),
        "p50 attached": medians("attached"),
        "overhead %": 100 * (medians("attached") / medians("plain") - 1),
        "p99 plain": at("plain", 0.99),
        "p99 attached": at("attached", 0.99),
    }


if __name__ == "__main__":
    main()
