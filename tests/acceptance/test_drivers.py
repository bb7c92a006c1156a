"""The SQL surface through other drivers, each binding values the way it does by default."""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import conninfo

import embeddb
from tests.support.attaching import articles, attach, drain, query
from tests.support.encoders import HashEncoder
from tests.support.privileges import as_role, roles
from tests.support.query_workers import answering

asyncpg = pytest.importorskip("asyncpg")
psycopg2 = pytest.importorskip("psycopg2")

TIMES = 7
"""psycopg prepares a statement when it is run for the sixth time."""

NPM_SECONDS = 120

NODE = """
const { Client } = require('pg');
const input = JSON.parse(require('fs').readFileSync(0, 'utf8'));
(async () => {
  const client = new Client(input.connection);
  await client.connect();
  const results = [];
  for (const [text, values] of input.statements) {
    let rows = [];
    for (let time = 0; time < input.times; time++) {
      const asked = await client.query({ name: 's' + results.length, text, values });
      rows = asked.rows;
    }
    results.push(rows.map((row) => Object.values(row)));
  }
  await client.end();
  process.stdout.write(JSON.stringify(results));
})().catch((error) => { console.error(error); process.exit(1); });
"""

Statement = tuple[str, list[Any]]
Results = list[list[list[Any]]]


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where to connect, as every driver takes it."""

    host: str
    port: int
    user: str
    password: str
    database: str


@pytest.fixture
def place(store: embeddb.Store) -> Iterator[Place]:
    """A reader of a table of articles that is attached, and of documents of embeddb's own."""
    articles(store.url, 30)
    drain(store, attach(store, metadata=["views"]))
    docs = store.create_collection("docs", model=HashEncoder())
    docs.add([{"id": f"d{n}", "content": f"about word{n}"} for n in range(20)])
    with roles(store.url, "reader") as made:
        store.grant("reader", made["reader"], with_source=True)
        parts = conninfo.conninfo_to_dict(as_role(store.url, made["reader"]))
        yield Place(
            host=str(parts["host"]),
            port=int(parts["port"] or 5432),
            user=str(parts["user"]),
            password=str(parts["password"]),
            database=str(parts["dbname"]),
        )


def with_psycopg(place: Place, statements: list[Statement], folder: Path) -> Results:
    """Values go beside the statement, texts without a type; the sixth time it is prepared."""
    url = conninfo.make_conninfo(
        host=place.host,
        port=place.port,
        user=place.user,
        password=place.password,
        dbname=place.database,
    )
    with psycopg.connect(url) as connection:

        def ask(text: str, values: list[Any]) -> list[Any]:
            return connection.execute(_format(text).encode(), values).fetchall()

        return [_last(partial(ask, *statement)) for statement in statements]


def with_psycopg2(place: Place, statements: list[Statement], folder: Path) -> Results:
    """Values are written into the statement as literals."""
    connection = psycopg2.connect(
        host=place.host,
        port=place.port,
        user=place.user,
        password=place.password,
        dbname=place.database,
    )
    try:
        with connection.cursor() as cursor:

            def ask(text: str, values: list[Any]) -> list[Any]:
                cursor.execute(_format(text), values)
                found: list[Any] = cursor.fetchall()
                return found

            return [_last(partial(ask, *statement)) for statement in statements]
    finally:
        connection.close()


def with_asyncpg(place: Place, statements: list[Statement], folder: Path) -> Results:
    """Every statement is prepared, and values go in the binary form of the type it then has."""

    async def run() -> Results:
        connection = await asyncpg.connect(
            host=place.host,
            port=place.port,
            user=place.user,
            password=place.password,
            database=place.database,
        )
        try:
            found = []
            for text, values in statements:
                for _ in range(TIMES):
                    rows = await connection.fetch(text, *values)
                found.append([list(row) for row in rows])
            return found
        finally:
            await connection.close()

    return asyncio.run(run())


def with_node(place: Place, statements: list[Statement], folder: Path) -> Results:
    """Values go as texts without a type, in prepared statements with a name."""
    if not shutil.which("node") or not shutil.which("npm"):
        pytest.skip("node and npm are not installed")
    installed = subprocess.run(
        ["npm", "install", "--no-audit", "--no-fund", "--prefix", folder, "pg@8"],
        capture_output=True,
        text=True,
        timeout=NPM_SECONDS,
    )
    if installed.returncode:
        pytest.skip("npm could not install pg: " + installed.stderr.strip()[-200:])
    (folder / "ask.js").write_text(NODE)
    asked = {"connection": vars(place), "statements": statements, "times": TIMES}
    done = subprocess.run(
        ["node", folder / "ask.js"],
        input=json.dumps(asked),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    found: Results = json.loads(done.stdout)
    return found


def _last(ask: Callable[[], list[Any]]) -> list[list[Any]]:
    for _ in range(TIMES):
        rows = ask()
    return [list(row) for row in rows]


def _format(text: str) -> str:
    """Write $1 as %s: the values of each statement are used once, in their order."""
    for number in range(1, 10):
        text = text.replace(f"${number}", "%s")
    return text


DRIVERS = {
    "psycopg": with_psycopg,
    "psycopg2": with_psycopg2,
    "asyncpg": with_asyncpg,
    "node-postgres": with_node,
}


@pytest.mark.parametrize("driver", DRIVERS)
def test_every_driver_gets_the_same(
    driver: str, store: embeddb.Store, place: Place, tmp_path: Path
) -> None:
    vector = str(query("word7 about").tolist())
    nearest = store.collection("articles", encoder=HashEncoder()).search("word7 about", 5)
    ids = [int(hit.id) for hit in nearest]
    own = [hit.id for hit in store.collection("docs", encoder=HashEncoder()).search("word3", 3)]
    similar = store.collection("articles").similar("7", 3)
    few = {"views": {"$lt": 3}}
    filtered = store.collection("articles", encoder=HashEncoder()).search("word7", 5, filter=few)
    statements: list[Statement] = [
        # a vector with its type, one without, one that a driver has no type for
        ("SELECT id::int FROM embeddb.articles_search($1::text::vector, $2)", [vector, 5]),
        ("SELECT id::int FROM embeddb.articles_search($1, $2)", [vector, 5]),
        ("SELECT id::int FROM embeddb.articles_search($1, _limit => $2)", [vector, 5]),
        (
            "SELECT a.id::int FROM embeddb.articles_search($1, $2) s "
            "JOIN public.articles a USING (id) ORDER BY s.distance, s.id",
            [vector, 5],
        ),
        (
            "SELECT id::int FROM embeddb.articles_search($1, $2, $3)",
            [str(query("word7").tolist()), 5, json.dumps(few)],
        ),
        ("SELECT id::int FROM embeddb.articles_similar($1, $2)", [7, 3]),
        ("SELECT id FROM embeddb.docs_similar($1, $2)", ["d3", 1]),
        ("SELECT id FROM embeddb.search($1, $2, $3)", ["articles", vector, 5]),
        ("SELECT id FROM embeddb.search($1, $2::text::vector, $3)", ["articles", vector, 5]),
        ("SELECT name, source, pending::int, failed::int FROM embeddb.status ORDER BY name", []),
        # texts
        ("SELECT id::int, encoder FROM embeddb.articles_search($1, $2)", ["word7 about", 5]),
        ("SELECT id FROM embeddb.docs_search($1, $2)", ["word3", 3]),
        ("SELECT id, encoder FROM embeddb.search($1, $2, $3)", ["docs", "word3", 3]),
        ("SELECT vector_dims(embeddb.encode($1, $2))", ["docs", "word3"]),
    ]
    with answering(store, HashEncoder()):
        found = DRIVERS[driver](place, statements, tmp_path)
    expected: Results = [
        *([[id] for id in ids] for _ in range(4)),
        [[int(hit.id)] for hit in filtered],
        [[int(hit.id)] for hit in similar],
        found[6],
        [[str(id)] for id in ids],
        [[str(id)] for id in ids],
        [["articles", "public.articles", 0, 0], ["docs", None, None, None]],
        [[id, "worker"] for id in ids],
        [[id] for id in own],
        [[id, "worker"] for id in own],
        [[64]],
    ]
    assert len(found[6]) == 1
    for (text, _), got, wanted in zip(statements, found, expected, strict=True):
        assert sorted(map(str, got)) == sorted(map(str, wanted)), text
