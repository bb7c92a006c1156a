"""What tests of applications write is embedded before they go on, or they are told why not."""

from __future__ import annotations

import subprocess
import sys

import pytest

import embeddb
from embeddb.errors import CollectionNotFoundError, NotEmbeddedError, RowsFailedError
from embeddb.testing import MODEL, drain, wait_until_embedded
from tests.conftest import RunCLI
from tests.support.postgres import rows


@pytest.fixture
def posts(store: embeddb.Store) -> embeddb.Collection:
    """A table of two posts, attached."""
    rows(store.url, "CREATE TABLE posts (id int PRIMARY KEY, body text)")
    rows(store.url, "INSERT INTO posts VALUES (1, 'green tea'), (2, 'old oaks')")
    return store.attach("posts", text="body", model=MODEL, index=None)


def test_what_waits_is_embedded_at_once(store: embeddb.Store, posts: embeddb.Collection) -> None:
    assert drain(store).processed == 2
    assert [hit.id for hit in posts.search("an old oak tree", 1)] == ["2"]
    rows(store.url, "INSERT INTO posts VALUES (3, 'black tea')")
    assert drain(store, ["posts"]).processed == 1
    assert drain(store).processed == 0
    wait_until_embedded(store, "posts", timeout=1)
    with pytest.raises(CollectionNotFoundError):
        drain(store, ["nothing"])


def test_rows_that_fail_are_named(store: embeddb.Store, posts: embeddb.Collection) -> None:
    drain(store)
    with store.database.connection() as connection:
        connection.execute("ALTER TABLE embeddb.posts_g1 ADD CHECK (content <> 'bad words')")
    rows(store.url, "INSERT INTO posts VALUES (7, 'bad words'), (8, 'good words')")
    with pytest.raises(RowsFailedError, match="posts 7") as caught:
        drain(store)
    assert [job.key for job in caught.value.failed] == ["7"]
    with pytest.raises(RowsFailedError):
        wait_until_embedded(store, "posts", keys=[7], timeout=1)
    wait_until_embedded(store, "posts", keys=[8], timeout=1)


def test_rows_that_wait_are_named(store: embeddb.Store, posts: embeddb.Collection) -> None:
    drain(store)
    rows(store.url, "INSERT INTO posts VALUES (3, 'black tea')")
    with pytest.raises(NotEmbeddedError, match="posts 3"):
        wait_until_embedded(store, "posts", timeout=0.1)
    with pytest.raises(TimeoutError):
        wait_until_embedded(store, "posts", keys=[3], timeout=0.1)
    wait_until_embedded(store, "posts", keys=[1], timeout=0.1)


def test_a_worker_elsewhere_knows_the_model(
    store: embeddb.Store, posts: embeddb.Collection, run_cli: RunCLI
) -> None:
    done = run_cli("worker", "--once", dsn=store.url)
    assert done.returncode == 0, done.stderr
    wait_until_embedded(store, "posts", timeout=1)
    assert posts.search("green tea", 1)[0].distance == pytest.approx(0, abs=1e-6)
    code = "from embeddb.encoders.hashing import *; print(hashed_words(['tea'])[0, :3].tolist())"
    other = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env={"PYTHONHASHSEED": "7"}
    )
    from embeddb.encoders.hashing import hashed_words

    assert other.stdout.strip() == str(hashed_words(["tea"])[0, :3].tolist())
