"""A table that is renamed, moved or swapped is the same table: it is followed."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

import embeddb
from embeddb import HNSW
from embeddb.sqlalchemy import Embedding
from embeddb.worker import Worker, WorkerOptions
from tests.support.encoders import HashEncoder
from tests.support.postgres import one, rows
from tests.support.workers import attach

RENAMES = {
    "renamed": ("ALTER TABLE posts RENAME TO articles", "public", "articles"),
    "moved": ("CREATE SCHEMA shop; ALTER TABLE posts SET SCHEMA shop", "shop", "posts"),
    "swapped": (
        "ALTER TABLE posts RENAME TO old; CREATE TABLE posts (id int PRIMARY KEY, body text)",
        "public",
        "old",
    ),
}


def work(store: embeddb.Store) -> int:
    options = WorkerOptions(once=True, poll_seconds=0.2)
    return Worker(store, options, encoders={"posts": HashEncoder()}).run().encoded


@pytest.mark.parametrize("way", RENAMES)
def test_a_renamed_table_is_followed(store: embeddb.Store, way: str) -> None:
    statements, schema, table = RENAMES[way]
    rows(store.url, "CREATE TABLE public.posts (id int PRIMARY KEY, body text)")
    rows(store.url, "INSERT INTO posts SELECT i, 'post ' || i FROM generate_series(1, 50) i")
    attach(store, "posts", "body", name="posts", model=HashEncoder(), index=HNSW())
    assert work(store) == 50
    for statement in statements.split(";"):
        rows(store.url, statement)
    posts = store.collection("posts", encoder=HashEncoder())
    source = posts.record.source
    assert source is not None and (source.schema, source.table) == (schema, table)
    place = f"{schema}.{table}"
    rows(store.url, f"INSERT INTO {place} VALUES (100, 'a new one')")
    rows(store.url, f"DELETE FROM {place} WHERE id <= 5")
    assert work(store) == 1
    assert posts.search("a new one", limit=1)[0].content == "a new one"
    found = posts.search("post 7", limit=10, filter=posts.columns.id != "7")
    assert len(found) == 10
    assert posts.reconcile().removed == 0
    assert one(store.url, "SELECT count(*) FROM embeddb.posts_g1") == 46
    assert not [finding for finding in store.doctor().findings if finding.level == "fail"]
    store.unfollow("posts")
    attach(store, place, "body", name="posts", model=HashEncoder(), exist_ok=True)
    assert work(store) == 0


def test_sql_that_names_the_old_table_goes_on(store: embeddb.Store) -> None:
    rows(store.url, "CREATE TABLE public.posts (id int PRIMARY KEY, title text)")
    rows(store.url, "CREATE TABLE public.remarks (post int, body text)")
    rows(store.url, "INSERT INTO posts VALUES (1, 'one'), (2, 'two')")
    text = (
        "posts.title || ' ' || coalesce("
        "(SELECT max(r.body) FROM remarks r WHERE r.post = posts.id), '')"
    )
    attach(
        store,
        "posts",
        text,
        name="posts",
        model=HashEncoder(),
        index=None,
        depends_on={"remarks": "post"},
        where="posts.title <> 'hidden'",
    )
    assert work(store) == 2
    rows(store.url, "ALTER TABLE posts RENAME TO articles")
    store.collection("posts", encoder=HashEncoder()).convert(storage="halfvec")
    rows(store.url, "INSERT INTO remarks VALUES (2, 'a remark')")
    rows(store.url, "UPDATE articles SET title = 'first' WHERE id = 1")
    assert work(store) == 2
    stored = "SELECT content FROM embeddb.posts_chunks ORDER BY content"
    assert rows(store.url, stored) == [("first",), ("two a remark",)]


def test_a_swapped_table_is_taken_up_by_attaching_again(store: embeddb.Store) -> None:
    rows(store.url, "CREATE TABLE public.posts (id int PRIMARY KEY, body text)")
    rows(store.url, "INSERT INTO posts VALUES (1, 'one'), (2, 'two')")
    attach(store, "posts", "body", name="posts", model=HashEncoder(), index=None)
    assert work(store) == 2
    rows(store.url, "ALTER TABLE posts RENAME TO old")
    rows(store.url, "CREATE TABLE public.posts (id int PRIMARY KEY, body text)")
    rows(store.url, "INSERT INTO posts VALUES (1, 'one'), (3, 'three')")
    attach(store, "public.posts", "body", name="posts", model=HashEncoder(), exist_ok=True)
    assert work(store) == 1
    stored = "SELECT id, content FROM embeddb.posts_g1 ORDER BY id"
    assert rows(store.url, stored) == [("1", "one"), ("3", "three")]
    rows(store.url, "DELETE FROM old")
    assert len(rows(store.url, stored)) == 2


def test_a_model_of_the_new_name_searches_it(store: embeddb.Store) -> None:
    class Base(DeclarativeBase):
        pass

    class Article(Base):
        __tablename__ = "articles"
        id: Mapped[int] = mapped_column(primary_key=True)
        body: Mapped[str]
        embedding = Embedding(
            "body", name="posts", model="python:tests.support.encoders:encode", index=None
        )

    rows(store.url, "CREATE TABLE public.posts (id int PRIMARY KEY, body text)")
    rows(store.url, "INSERT INTO posts VALUES (1, 'one'), (2, 'two')")
    attach(store, "posts", "body", name="posts", model=HashEncoder(), index=None)
    work(store)
    rows(store.url, "ALTER TABLE posts RENAME TO articles")
    engine = sa.create_engine(store.url.replace("postgresql://", "postgresql+psycopg://"))
    asked = [float(number) for number in HashEncoder().encode(["two"])[0]]
    with Session(engine) as session:
        found = sa.select(Article).order_by(Article.embedding.nearest(asked)).limit(1)
        assert session.scalars(found).one().body == "two"
    engine.dispose()
