"""Texts that are read from several tables: who is read again when one of them changes."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Mapping

import psycopg
import pytest

import embeddb
from embeddb.errors import (
    ColumnNotFoundError,
    ConfigurationError,
    EmbedDBWarning,
    ExpressionError,
    NotATableError,
    PermissionDeniedError,
    TableNotFoundError,
)
from embeddb.repository.attached.health import AttachedHealth
from embeddb.repository.attached.rows import SourceRows
from embeddb.worker import Worker, WorkerOptions
from tests.support.attaching import (
    attach,
    clear,
    drain,
    facts,
    ours,
    pending,
    query,
    stored,
    triggers,
)
from tests.support.encoders import HashEncoder
from tests.support.postgres import one, role, rows, session

SCHEMA = """
CREATE TABLE posts (
    id bigint PRIMARY KEY, title text NOT NULL, views integer NOT NULL DEFAULT 0,
    live boolean NOT NULL DEFAULT true
);
CREATE TABLE comments (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    post_id bigint REFERENCES posts ON DELETE CASCADE,
    body text, likes integer NOT NULL DEFAULT 0
);
CREATE TABLE tags (id integer PRIMARY KEY, name text NOT NULL);
CREATE TABLE post_tags (
    post_id bigint NOT NULL REFERENCES posts ON DELETE CASCADE,
    tag_id integer NOT NULL REFERENCES tags ON DELETE CASCADE,
    PRIMARY KEY (post_id, tag_id)
);
INSERT INTO posts (id, title) SELECT n, 'post ' || n FROM generate_series(1, 5) n;
INSERT INTO comments (post_id, body) SELECT n, 'remark ' || n FROM generate_series(1, 3) n;
INSERT INTO tags VALUES (1, 'tea'), (2, 'cake');
INSERT INTO post_tags VALUES (1, 1), (2, 1), (2, 2)
"""

COMMENTED = (
    "title || coalesce((SELECT string_agg(c.body, ' ' ORDER BY c.id) FROM comments c "
    "WHERE c.post_id = posts.id), '')"
)
TAGGED = (
    "concat_ws(' ', title, (SELECT string_agg(c.body, ' ' ORDER BY c.id) FROM comments c "
    "WHERE c.post_id = posts.id), (SELECT string_agg(t.name, ' ' ORDER BY t.name) "
    "FROM post_tags p JOIN tags t ON t.id = p.tag_id WHERE p.post_id = posts.id))"
)
TAGS: dict[str, str | list[str]] = {
    "comments": "post_id",
    "post_tags": ["post_id"],
    "public.tags": "SELECT post_id FROM post_tags WHERE tag_id = tags.id",
}


def blog(
    store: embeddb.Store,
    text: str = COMMENTED,
    depends_on: Mapping[str, str | list[str]] | None = None,
    **others: object,
) -> embeddb.Collection:
    """Create an application's tables and attach to the posts, whose queue is empty then."""
    rows(store.url, SCHEMA)
    chosen = {"public.comments": "post_id"} if depends_on is None else depends_on
    collection = attach(store, "public.posts", text, depends_on=chosen, **others)
    drain(store, collection)
    return collection


def due(store: embeddb.Store) -> list[str]:
    """Return the keys of the rows that wait, and forget them."""
    found = list(pending(store.url, "posts"))
    clear(store.url)
    return found


def restarted(store: embeddb.Store) -> bool:
    """Return whether every row is to be looked at."""
    return bool(one(store.url, "SELECT finished_at IS NULL FROM embeddb.backfills"))


def test_a_text_is_read_from_several_tables(store: embeddb.Store) -> None:
    posts = blog(store, TAGGED, TAGS)
    assert posts.get(["2"])[0].content == "post 2 remark 2 cake tea"
    assert posts.get(["5"])[0].content == "post 5"
    assert stored(store.url, "posts_g1") == ["1", "2", "3", "4", "5"]


def test_a_changed_child_has_its_parent_read_again_and_nothing_else(store: embeddb.Store) -> None:
    blog(store)
    for statement, expected in (
        ("INSERT INTO comments (post_id, body) VALUES (4, 'new')", ["4"]),
        ("UPDATE comments SET body = 'other' WHERE post_id = 2", ["2"]),
        ("UPDATE comments SET body = body", []),
        ("UPDATE comments SET likes = likes + 1", []),
        ("UPDATE comments SET post_id = 5 WHERE post_id = 1", ["1", "5"]),
        ("UPDATE comments SET post_id = NULL WHERE post_id = 5", ["5"]),
        ("UPDATE comments SET body = 'of nobody' WHERE post_id IS NULL", []),
        ("DELETE FROM comments WHERE post_id = 3", ["3"]),
        ("DELETE FROM comments WHERE post_id = 3", []),
        ("INSERT INTO comments (post_id, body) VALUES (NULL, 'of nobody')", []),
        ("UPDATE posts SET title = 'x' WHERE id = 1", ["1"]),
        ("UPDATE posts SET views = 7", []),
    ):
        rows(store.url, statement)
        assert due(store) == expected, statement
    assert not restarted(store)


def test_a_statement_makes_one_job_for_each_parent(store: embeddb.Store) -> None:
    blog(store)
    rows(
        store.url,
        "INSERT INTO comments (post_id, body) "
        "SELECT 1 + n % 4, 'word' || n FROM generate_series(1, 40000) n",
    )
    assert pending(store.url, "posts") == {"1": 1, "2": 1, "3": 1, "4": 1}
    rows(store.url, "UPDATE comments SET body = body || '!' WHERE post_id < 3")
    assert pending(store.url, "posts") == {"1": 2, "2": 2, "3": 1, "4": 1}
    clear(store.url)
    copying = "COPY comments (post_id, body) FROM STDIN"
    with session(store.url) as connection, connection.cursor().copy(copying) as copy:
        copy.write("4\tcopied\n5\tcopied\n")
    assert due(store) == ["4", "5"]
    rows(
        store.url,
        "MERGE INTO comments c USING (VALUES (1, 'merged'), (3, 'merged')) v (post, body) "
        "ON c.post_id = v.post AND c.body = v.body "
        "WHEN NOT MATCHED THEN INSERT (post_id, body) VALUES (v.post, v.body)",
    )
    assert due(store) == ["1", "3"]


def test_rows_that_swap_what_they_hold_change_no_text_but_that_of_their_order(
    store: embeddb.Store,
) -> None:
    blog(store)
    rows(store.url, "UPDATE comments SET post_id = 4 - post_id WHERE post_id IN (1, 3)")
    assert due(store) == ["1", "3"]
    rows(store.url, "UPDATE comments SET likes = id, post_id = post_id WHERE id = 1")
    assert due(store) == []


def test_changes_behind_a_link_are_found_through_it(store: embeddb.Store) -> None:
    blog(store, TAGGED, TAGS)
    for statement, expected in (
        ("UPDATE tags SET name = 'green tea' WHERE id = 1", ["1", "2"]),
        ("UPDATE tags SET name = name", []),
        ("INSERT INTO tags VALUES (3, 'unused')", []),
        ("INSERT INTO post_tags VALUES (5, 3)", ["5"]),
        ("UPDATE post_tags SET post_id = 4 WHERE post_id = 5", ["4", "5"]),
        ("DELETE FROM tags WHERE id = 2", ["2"]),
    ):
        rows(store.url, statement)
        assert due(store) == expected, statement


def test_a_rollback_leaves_nothing(store: embeddb.Store) -> None:
    blog(store)
    with psycopg.connect(store.url) as connection:
        connection.execute("INSERT INTO comments (post_id, body) VALUES (1, 'no')")
        connection.execute("TRUNCATE comments")
        connection.rollback()
    assert due(store) == []
    assert not restarted(store)


def test_truncating_a_child_has_every_row_looked_at(store: embeddb.Store) -> None:
    posts = blog(store)
    rows(store.url, "TRUNCATE comments")
    assert restarted(store)
    assert one(store.url, "SELECT done FROM embeddb.backfills") == 0
    drain(store, posts)
    assert posts.get(["1"])[0].content == "post 1"


def test_deleting_a_parent_and_its_children_leaves_nothing(store: embeddb.Store) -> None:
    blog(store, TAGGED, TAGS)
    rows(store.url, "DELETE FROM posts WHERE id <= 2")
    assert due(store) == []
    assert stored(store.url, "posts_g1") == ["3", "4", "5"]
    rows(store.url, "TRUNCATE posts CASCADE")
    assert (due(store), stored(store.url, "posts_g1")) == ([], [])


def test_deleting_a_parent_whose_children_stay_leaves_nothing(store: embeddb.Store) -> None:
    rows(store.url, SCHEMA)
    rows(
        store.url,
        "ALTER TABLE comments DROP CONSTRAINT comments_post_id_fkey, "
        "ADD FOREIGN KEY (post_id) REFERENCES posts ON DELETE SET NULL",
    )
    posts = attach(store, "posts", COMMENTED, depends_on={"comments": "post_id"})
    drain(store, posts)
    rows(store.url, "DELETE FROM posts WHERE id = 1")
    assert due(store) == []


def test_parents_that_take_no_part_leave_with_the_next_worker(store: embeddb.Store) -> None:
    posts = blog(store, where="live")
    rows(store.url, "UPDATE posts SET live = false WHERE id = 1")
    rows(store.url, "INSERT INTO comments (post_id, body) VALUES (1, 'hidden')")
    assert list(pending(store.url, "posts")) == ["1"]
    drain(store, posts)
    assert stored(store.url, "posts_g1") == ["2", "3", "4", "5"]


def test_a_child_written_while_its_parent_is_not_committed_is_not_missed(
    store: embeddb.Store,
) -> None:
    """The writer of the child sees no parent that takes part, and makes its job all the same."""
    blog(store, where="live")
    rows(store.url, "UPDATE posts SET live = false WHERE id = 1")
    clear(store.url)
    with psycopg.connect(store.url) as first, psycopg.connect(store.url) as second:
        second.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        second.execute("SELECT 1 FROM posts")
        first.execute("UPDATE posts SET live = true WHERE id = 1")
        first.commit()
        clear(store.url)  # a worker has read the row as it was
        second.execute("INSERT INTO comments (post_id, body) VALUES (1, 'late')")
        second.commit()
    assert due(store) == ["1"]


def test_two_writers_of_other_rows_do_not_wait_for_each_other(store: embeddb.Store) -> None:
    blog(store)
    with psycopg.connect(store.url) as first, psycopg.connect(store.url) as second:
        second.execute("SET lock_timeout = '5s'")
        first.execute("INSERT INTO comments (post_id, body) VALUES (1, 'mine')")
        second.execute("INSERT INTO comments (post_id, body) VALUES (2, 'yours')")
        second.commit()
        assert list(pending(store.url, "posts")) == ["2"]
        first.commit()
    assert due(store) == ["1", "2"]


def test_partitions_of_a_child_are_followed(store: embeddb.Store) -> None:
    rows(store.url, SCHEMA)
    rows(
        store.url,
        "CREATE TABLE notes (post_id bigint, year int, body text) PARTITION BY RANGE (year);"
        "CREATE TABLE notes_1 PARTITION OF notes FOR VALUES FROM (0) TO (2000);"
        "CREATE TABLE notes_2 PARTITION OF notes FOR VALUES FROM (2000) TO (3000)",
    )
    text = "title || (SELECT coalesce(max(n.body), '') FROM notes n WHERE n.post_id = posts.id)"
    posts = attach(store, "posts", text, depends_on={"notes": "post_id"})
    drain(store, posts)
    for statement, expected in (
        ("INSERT INTO notes VALUES (1, 1990, 'a'), (2, 2010, 'b')", ["1", "2"]),
        ("INSERT INTO notes_1 VALUES (3, 1990, 'c')", ["3"]),
        ("UPDATE notes SET year = 2015 WHERE post_id = 1", []),
        ("UPDATE notes SET post_id = 4, year = 2015 WHERE post_id = 3", ["3", "4"]),
        ("DELETE FROM notes_2 WHERE post_id = 2", ["2"]),
    ):
        rows(store.url, statement)
        assert due(store) == expected, statement
    rows(store.url, "TRUNCATE notes_2")
    assert restarted(store)


def test_a_trigger_that_fails_fails_no_statement_and_misses_nothing(store: embeddb.Store) -> None:
    posts = blog(store)
    rows(store.url, "ALTER TABLE comments RENAME COLUMN body TO words")
    rows(store.url, "INSERT INTO comments (post_id, words) VALUES (5, 'new')")
    assert due(store) == ["5"]  # what an INSERT needs is all there
    notices: list[str] = []
    with session(store.url) as connection:
        connection.add_notice_handler(lambda found: notices.append(found.message_primary or ""))
        connection.execute("UPDATE comments SET words = 'changed' WHERE post_id = 5")
    assert len(notices) == 1
    assert notices[0].startswith("embeddb could not follow collection posts")
    assert restarted(store)
    drain(store, posts)
    assert posts.get(["5"])[0].content == "post 5changed"


def test_attaching_again_and_detaching_leave_the_child_as_it_was(store: embeddb.Store) -> None:
    rows(store.url, SCHEMA)
    before, there = facts(store.url, "comments"), ours(store.url)
    attach(store, "posts", COMMENTED, depends_on={"comments": "post_id"})
    assert triggers(store.url, "comments") == [
        "embeddb_posts_1_del", "embeddb_posts_1_ins", "embeddb_posts_1_trn", "embeddb_posts_1_upd",
    ]  # fmt: skip
    again = attach(store, "posts", TAGGED, depends_on=TAGS, exist_ok=True)
    assert len(triggers(store.url, "comments")) == len(triggers(store.url, "tags")) == 4
    assert again.record.source is not None
    assert [one.source for one in again.record.source.dependencies] == list(TAGS)
    attach(store, "posts", "title", exist_ok=True)
    assert triggers(store.url, "comments") == triggers(store.url, "tags") == []
    attach(store, "posts", COMMENTED, depends_on={"comments": "post_id"}, exist_ok=True)
    store.detach("posts")
    assert facts(store.url, "comments") == before
    assert ours(store.url) == there


def test_names_are_fixed_when_the_collection_is_attached(store: embeddb.Store) -> None:
    rows(
        store.url,
        "CREATE SCHEMA app; SET search_path TO app;" + SCHEMA + "; CREATE SCHEMA other;"
        "CREATE TABLE other.comments AS TABLE app.comments; "
        "UPDATE other.comments SET body = 'wrong'",
    )
    with session(store.url) as connection:
        database = connection.info.dbname
        connection.execute(f'ALTER DATABASE "{database}" SET search_path TO app'.encode())
    with embeddb.connect(store.url) as here:
        posts = attach(here, "posts", COMMENTED, depends_on={"comments": "post_id"})
    with session(store.url) as connection:
        connection.execute(f'ALTER DATABASE "{database}" SET search_path TO other'.encode())
    drain(store, posts)
    assert posts.get(["1"])[0].content == "post 1remark 1"
    rows(store.url, "UPDATE app.comments SET body = 'later' WHERE post_id = 2")
    assert due(store) == ["2"]


def test_rows_may_be_read_from_rows_of_the_same_table(store: embeddb.Store) -> None:
    rows(store.url, "CREATE TABLE pages (id int PRIMARY KEY, parent int, title text)")
    rows(store.url, "CREATE TABLE leaves (parent int)")
    rows(
        store.url, "INSERT INTO pages VALUES (1, NULL, 'a'), (2, 1, 'b'), (3, 1, 'c'), (4, 2, 'd')"
    )
    text = (
        "title || coalesce((SELECT ' in ' || p.title FROM pages p WHERE p.id = pages.parent), '')"
    )
    with pytest.raises(ExpressionError, match=r"reads public\.pages"):
        attach(store, "pages", text, depends_on={"leaves": "parent"})
    found = {"pages": "SELECT c.id FROM pages c WHERE c.parent = pages.id"}
    pages = attach(store, "pages", text, depends_on=found)
    drain(store, pages)
    assert pages.get(["4"])[0].content == "d in b"
    rows(store.url, "UPDATE pages SET title = 'A' WHERE id = 1")
    assert list(pending(store.url, "pages")) == ["1", "2", "3"]


def test_keys_of_several_columns_and_of_other_types(store: embeddb.Store) -> None:
    rows(
        store.url,
        "CREATE TABLE books (shop text, no numeric, title text, PRIMARY KEY (shop, no));"
        "CREATE TABLE reviews (shop text, book numeric, body text);"
        "INSERT INTO books VALUES ('a', 1.0, 'x'), ('a', 2, 'y'), ('b', 1, 'z')",
    )
    text = (
        "title || coalesce((SELECT max(r.body) FROM reviews r "
        "WHERE (r.shop, r.book) = (books.shop, books.no)), '')"
    )
    with pytest.raises(ExpressionError, match="name one column for each"):
        attach(store, "books", text, depends_on={"reviews": "book"})
    books = attach(store, "books", text, depends_on={"reviews": "shop, book"})
    drain(store, books)
    rows(store.url, "INSERT INTO reviews VALUES ('a', 1.000, 'good'), ('c', 9, 'nobody''s')")
    assert list(pending(store.url, "books")) == ['["a", "1.0"]']
    assert books.get(['["a", "1.0"]'])[0].content == "xgood"


@pytest.mark.parametrize(
    ("text", "depends_on", "message"),
    [
        (TAGGED, {"comments": "post_id"}, r"reads public\.post_tags"),
        (COMMENTED + " || random()", {"comments": "post_id"}, "random"),
        (COMMENTED, {"comments": "SELECT 1 + floor(random())::bigint"}, "random"),
        (COMMENTED, {"comments": "body"}, "bigint = text"),
        (COMMENTED, {"comments": "SELECT post_id, id FROM post_tags"}, "has 2 columns"),
        (COMMENTED, {"comments": "SELECT nothing"}, "does not exist"),
        (COMMENTED, {"comments": "SELECT body"}, "is of type text, and column id of the key"),
        (
            "string_agg(title, (SELECT max(body) FROM comments))",
            {"comments": "post_id"},
            "aggregate",
        ),
        ("(SELECT max(body) FROM comments), title", {"comments": "post_id"}, "several expressions"),
        ("(SELECT max(likes) FROM comments)", {"comments": "post_id"}, "of type integer"),
        (
            "(SELECT max(c.body) FROM comments c) || "
            "(SELECT max(relname::text) FROM pg_catalog.pg_class)",
            {"comments": "post_id"},
            r"reads pg_catalog\.pg_class",
        ),
        ("(SELECT max(c.body) FROM shown c)", {"comments": "post_id"}, "no table"),
        ("title) || (posts::text", {"comments": "post_id"}, "whole rows"),
    ],
)
def test_what_cannot_be_followed_is_refused(
    store: embeddb.Store, text: str, depends_on: dict[str, str], message: str
) -> None:
    rows(store.url, SCHEMA)
    rows(store.url, "CREATE VIEW shown AS SELECT body FROM comments")
    there = ours(store.url)
    with pytest.raises(ExpressionError, match=message):
        attach(store, "posts", text, depends_on=depends_on)
    assert ours(store.url) == there


def test_a_table_that_cannot_be_followed_is_refused(store: embeddb.Store) -> None:
    rows(store.url, SCHEMA)
    rows(store.url, "CREATE VIEW shown AS SELECT body, post_id FROM comments")
    for depends_on, error in (
        ({"shown": "post_id"}, NotATableError),
        ({"comment": "post_id"}, TableNotFoundError),
        ({"comments": ["posts_id"]}, ColumnNotFoundError),
        ({"comments": ""}, ConfigurationError),
        ("comments", ConfigurationError),
    ):
        with pytest.raises(error):
            attach(store, "posts", COMMENTED, depends_on=depends_on)


def test_a_table_that_only_a_function_reads_is_followed_with_a_warning(
    store: embeddb.Store,
) -> None:
    rows(store.url, SCHEMA)
    rows(
        store.url,
        "CREATE FUNCTION said(bigint) RETURNS text STABLE LANGUAGE sql AS "
        "'SELECT string_agg(body, '' '') FROM public.comments WHERE post_id = $1'",
    )
    with pytest.warns(EmbedDBWarning, match=r"reads nothing of public\.comments"):
        posts = attach(
            store, "posts", "concat(title, said(id))", depends_on={"comments": "post_id"}
        )
    drain(store, posts)
    rows(store.url, "UPDATE comments SET body = 'x' WHERE post_id = 2")
    assert due(store) == ["2"]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        attach(store, "posts", COMMENTED, depends_on={"comments": "post_id"}, exist_ok=True)


def test_a_worker_that_does_not_see_all_children_refuses(store: embeddb.Store) -> None:
    rows(store.url, SCHEMA)
    rows(store.url, "ALTER TABLE comments ENABLE ROW LEVEL SECURITY")
    posts = attach(store, "posts", COMMENTED, depends_on={"comments": "post_id"})
    grants = (
        "GRANT USAGE ON SCHEMA embeddb, public TO {}",
        "GRANT SELECT ON ALL TABLES IN SCHEMA embeddb, public TO {}",
    )
    with (
        role(store.url, *grants) as url,
        embeddb.connect(url) as other,
        other.database.connection() as connection,
    ):
        reader = SourceRows(other.database, posts.record)
        with pytest.raises(PermissionDeniedError, match=r"rows of public\.comments"):
            reader.read(connection, ["1"])
        rows(store.url, "CREATE POLICY seen ON comments FOR SELECT USING (true)")
        assert reader.read(connection, ["1"])["1"].content == "post 1remark 1"


def test_nobody_can_have_the_functions_called_by_a_table_of_their_own(
    store: embeddb.Store,
) -> None:
    blog(store)
    grants = ("GRANT USAGE ON SCHEMA embeddb TO {}", "CREATE SCHEMA own AUTHORIZATION {}")
    with role(store.url, *grants) as url:
        rows(url, "CREATE TABLE own.comments (post_id bigint, body text, id bigint)")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            rows(
                url,
                "CREATE TRIGGER mine AFTER INSERT ON own.comments REFERENCING NEW TABLE AS "
                "new_rows FOR EACH STATEMENT EXECUTE FUNCTION embeddb.posts_follows_1()",
            )


def test_an_application_role_writes_without_any_privilege_of_ours(store: embeddb.Store) -> None:
    blog(store)
    with role(store.url, "GRANT INSERT ON comments TO {}") as url:
        rows(url, "INSERT INTO comments (post_id, body) VALUES (3, 'mine')")
    assert due(store) == ["3"]


def test_the_doctor_knows_what_became_of_the_other_tables(store: embeddb.Store) -> None:
    posts = blog(store)

    def said() -> str:
        return " ".join(
            fault.message for fault in AttachedHealth(store.database, posts.record).faults()
        )

    assert said() == ""
    rows(store.url, "ALTER TABLE comments DISABLE TRIGGER embeddb_posts_1_del")
    assert "Changes of public.comments are not followed" in said()
    rows(store.url, "ALTER TABLE comments ENABLE TRIGGER embeddb_posts_1_del")
    rows(store.url, "ALTER TABLE comments RENAME COLUMN body TO words")
    assert "Column body of public.comments is gone" in said()
    rows(store.url, "ALTER TABLE comments RENAME TO remarks")
    assert "Table public.comments is gone" in said()


def test_a_worker_keeps_up_with_two_writers(store: embeddb.Store) -> None:
    rows(store.url, SCHEMA)
    posts = attach(store, "posts", TAGGED, depends_on=TAGS)
    encoders = {"posts": HashEncoder()}

    def work() -> None:
        options = WorkerOptions(once=True, retry_seconds=0.05, poll_seconds=0.2)
        Worker(store, options, encoders=encoders).run()

    def write(body: str) -> None:
        with session(store.url) as connection:
            for number in range(40):
                connection.execute(
                    "INSERT INTO comments (post_id, body) VALUES (%s, %s)", [number % 5 + 1, body]
                )
                connection.execute("UPDATE tags SET name = name || '.' WHERE id = %s", [number % 3])
                connection.execute(
                    "DELETE FROM comments WHERE id IN "
                    "(SELECT max(id) FROM comments WHERE body = %s)",
                    [body if number % 3 else None],
                )

    writers = [threading.Thread(target=write, args=[body]) for body in ("one", "two")]
    for writer in writers:
        writer.start()
    work()
    for writer in writers:
        writer.join()
    work()
    wanted: dict[str, str] = dict(rows(store.url, "SELECT id, content FROM embeddb.posts"))
    found = rows(
        store.url,
        "SELECT id, string_agg(content, '' ORDER BY chunk_no) FROM embeddb.posts_g1 GROUP BY id",
    )
    assert {id: text.replace(" ", "") for id, text in found} == {
        id: text.replace(" ", "") for id, text in wanted.items()
    }
    assert pending(store.url, "posts") == {}
    assert posts.search(query("cake"), 1)[0].id == "2"


def test_a_role_is_granted_what_it_reads_of_the_other_tables(store: embeddb.Store) -> None:
    blog(store)
    with role(store.url) as url:
        name = one(url, "SELECT CURRENT_USER::text")
        readable = "SELECT has_column_privilege('comments', 'body', 'SELECT')"
        report = store.grant("worker", name)
        assert any("comments" in statement for statement, _ in report.needs)
        store.grant("worker", name, with_source=True)
        assert one(url, readable) is True
        store.revoke("worker", name, with_source=True)
        assert one(url, readable) is False
