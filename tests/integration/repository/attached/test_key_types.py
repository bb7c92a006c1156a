"""A key whose column became wider or narrower: followed, with its vectors."""

from __future__ import annotations

import psycopg
import pytest

import embeddb
from embeddb import HNSW
from embeddb.errors import AttachError
from embeddb.worker import Worker, WorkerOptions
from tests.support.encoders import HashEncoder
from tests.support.postgres import one, role, rows
from tests.support.workers import attach

TYPE = (
    "SELECT format_type(atttypid, atttypmod) FROM pg_attribute "
    "WHERE attrelid = '{}'::regclass AND attname = '{}'"
)


def work(store: embeddb.Store) -> int:
    encoders = {"posts": HashEncoder()}
    return (
        Worker(store, WorkerOptions(once=True, poll_seconds=0.2), encoders=encoders).run().encoded
    )


@pytest.mark.parametrize(
    ("narrow", "wide", "beyond"),
    [
        ("integer", "bigint", "5000000000"),
        ("smallint", "integer", "100000"),
        ("varchar(3)", "text", "longer"),
        ("varchar(3)", "varchar(30)", "longer"),
    ],
)
@pytest.mark.parametrize("composite", [False, True], ids=["one column", "two columns"])
def test_a_wider_key_keeps_its_vectors(
    store: embeddb.Store, narrow: str, wide: str, beyond: str, composite: bool
) -> None:
    key = "tenant, id" if composite else "id"
    rows(
        store.url,
        f"CREATE TABLE public.posts (tenant int DEFAULT 1, id {narrow}, body text, "
        f"PRIMARY KEY ({key}))",
    )
    rows(
        store.url, "INSERT INTO posts (id, body) VALUES ('1', 'one'), ('2', 'two'), ('3', 'three')"
    )
    posts = attach(store, "posts", "body", name="posts", model=HashEncoder(), index=HNSW())
    assert work(store) == 3
    store.unfollow("posts")
    rows(store.url, f"ALTER TABLE posts ALTER id TYPE {wide}")
    store.follow("posts")
    assert work(store) == 0, "nothing is encoded again"
    assert one(store.url, TYPE.format("embeddb.posts_g1", "key_id")) == one(
        store.url, TYPE.format("public.posts", "id")
    )
    rows(store.url, "INSERT INTO posts (id, body) VALUES (%s, 'far')", (beyond,))
    assert work(store) == 1
    found = rows(
        store.url,
        "SELECT p.body FROM embeddb.posts_search(%s::vector, 1) s JOIN posts p USING (id)",
        (str(HashEncoder().encode(["far"])[0].tolist()),),
    )
    assert found == [("far",)]
    assert rows(store.url, "SELECT count(*) FROM embeddb.posts_chunks") == [(4,)]
    rows(store.url, "DELETE FROM posts WHERE id = %s", (beyond,))
    assert one(store.url, "SELECT count(*) FROM embeddb.posts_g1") == 3
    # and back
    store.unfollow("posts")
    rows(store.url, f"ALTER TABLE posts ALTER id TYPE {narrow}")
    store.follow("posts")
    assert work(store) == 0
    rows(store.url, "UPDATE posts SET body = 'changed' WHERE id = '1'")
    assert work(store) == 1
    assert posts.count_chunks() == 3


def test_hidden_chunks_stay_hidden_while_nobody_follows(store: embeddb.Store) -> None:
    rows(store.url, "CREATE TABLE public.posts (id int PRIMARY KEY, body text)")
    rows(store.url, "INSERT INTO posts VALUES (1, 'one')")
    rows(store.url, "ALTER TABLE posts ENABLE ROW LEVEL SECURITY")
    attach(store, "posts", "body", name="posts", model=HashEncoder(), index=None)
    assert work(store) == 1
    grants = (
        "GRANT USAGE ON SCHEMA embeddb TO {}",
        "GRANT SELECT ON embeddb.posts_g1, posts TO {}",
    )
    with role(store.url, *grants) as url:
        read = "SELECT count(*) FROM embeddb.posts_g1"
        assert one(url, read) == 0
        store.unfollow("posts")
        assert one(url, read) == 0
        rows(store.url, "ALTER TABLE posts ALTER id TYPE bigint")
        store.follow("posts")
        assert one(url, read) == 0
    assert work(store) == 0
    assert one(store.url, "SELECT count(*) FROM embeddb.posts_g1") == 1


@pytest.mark.parametrize("change", ["ALTER id TYPE numeric", "ALTER id TYPE text USING id::text"])
def test_a_key_that_reads_otherwise_is_refused(store: embeddb.Store, change: str) -> None:
    rows(store.url, "CREATE TABLE public.posts (id int PRIMARY KEY, body text)")
    rows(store.url, "INSERT INTO posts VALUES (1, 'one')")
    attach(store, "posts", "body", name="posts", model=HashEncoder(), index=None)
    assert work(store) == 1
    with pytest.raises(psycopg.errors.FeatureNotSupported):
        rows(store.url, f"ALTER TABLE posts {change}")
    store.unfollow("posts")
    rows(store.url, f"ALTER TABLE posts {change}")
    with pytest.raises(AttachError, match="detach it"):
        store.follow("posts")
    assert one(store.url, "SELECT count(*) FROM embeddb.posts_g1") == 1
