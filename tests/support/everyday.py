"""Models that change as applications' do, and whether what is embedded keeps up with the rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import sqlalchemy as sa

import embeddb
from embeddb.sqlalchemy import Embedding, declare
from embeddb.worker import Worker, WorkerOptions
from tests.support.alembic_application import Application

MODEL = "python:tests.support.encoders:encode"


def embedding(*text: str, **options: Any) -> Embedding:  # noqa: ANN401
    """Return an embedding by the tests' model, without an index."""
    return Embedding(*text, **{"model": MODEL, "index": None, **options})


def models(
    *embeddings: Embedding,
    title: Any = sa.Text,  # noqa: ANN401
    key: Any = sa.Integer,  # noqa: ANN401
    columns: Sequence[sa.Column[Any]] = (),
    items: Sequence[Any] = (),
    table: str = "posts",
    metadata: sa.MetaData | None = None,
) -> sa.MetaData:
    """Return models with a table of posts, which has an `id`, a `title` and more columns."""
    metadata = metadata if metadata is not None else sa.MetaData()
    given = title if isinstance(title, sa.Column) else sa.Column("title", title)
    id = sa.Column("id", key, primary_key=True)
    posts = sa.Table(table, metadata, id, given, *columns, *items)
    for each in embeddings:
        declare(posts, each)
    return metadata


def work(application: Application) -> int:
    """Have a worker encode everything that waits, see that nothing failed, and count the texts."""
    with embeddb.connect(plain(application)) as store:
        report = Worker(store, WorkerOptions(once=True)).run()
    assert application.run("SELECT * FROM embeddb.jobs") == []
    assert application.run("SELECT * FROM embeddb.failed_jobs") == []
    return report.encoded


def plain(application: Application) -> str:
    """Return the URL of an application's database as psycopg has it."""
    return application.url.replace("+psycopg", "")


def embedded(application: Application, name: str = "posts") -> dict[str, str]:
    """Return the text of each chunk of a collection, by the key of its row."""
    rows = application.run(f'SELECT id, content FROM embeddb."{name}_chunks"')
    return {str(row[0]): row[1] for row in rows}


def lives(
    application: Application,
    *,
    text: str = "title",
    table: str = "posts",
    name: str = "posts",
    titled: str = "title",
) -> None:
    """See that a worker encodes each row as it is, and that what is written is followed.

    Args:
        application: the application.
        text: what of a row is its text, in SQL.
        table: the rows' table.
        name: the collection.
        titled: the column that a new row's title goes into.
    """

    def rows() -> dict[str, str]:
        statement = f"SELECT id::text, {text} FROM {table}"
        return {key: value for key, value in application.run(statement) if value}

    work(application)
    assert embedded(application, name) == rows()
    (last,) = application.run(f"SELECT max(id) FROM {table}")[0]
    insert = f"INSERT INTO {table} (id, {titled}) VALUES (:id, :title)"
    application.run(insert, id=last + 1, title=f"row {last + 1}")
    update = f"UPDATE {table} SET {titled} = 'changed ' || {titled} WHERE id = :id"
    application.run(update, id=last)
    application.run(f"DELETE FROM {table} WHERE id = :id", id=last - 1)
    work(application)
    assert embedded(application, name) == rows()
    assert str(last + 1) in rows()


Models = Callable[[], sa.MetaData]
