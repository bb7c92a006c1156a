"""Revisions as people write them: renames, other schemas and partitions, beside our operations."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa

from tests.support.alembic_application import Application
from tests.support.everyday import embedding, lives, models, work


@pytest.fixture(autouse=True)
def _models_of_tests(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EMBEDDB_PYTHON_MODELS", "tests.support.encoders")


@pytest.fixture
def posts(application: Application) -> Application:
    """An application with posts that are embedded."""
    application.metadata = models(
        embedding("title", "old", name="docs", metadata=["year"]),
        columns=[sa.Column("old", sa.Text), sa.Column("year", sa.Integer)],
    )
    application.migrate()
    application.run("INSERT INTO posts (id, title) VALUES (1, 'tea'), (2, 'beer'), (3, 'wine')")
    lives(application, text=BEFORE, name="docs")
    return application


BEFORE = "concat_ws(E'\\n\\n', title, old)"
BODY = "concat_ws(E'\\n\\n', title, body)"

FOLLOWED = {
    "a column before": (
        "op.alter_column('posts', 'old', new_column_name='body')\n"
        "op.alter_collection('docs', 'posts', text=['title', 'body'])",
        "op.alter_column('posts', 'body', new_column_name='old')\n"
        "op.alter_collection('docs', 'posts', text=['title', 'old'])",
        {"text": BODY},
    ),
    "a column between": (
        "op.unfollow_collection('docs', 'posts')\n"
        "op.alter_column('posts', 'old', new_column_name='body')\n"
        "op.alter_collection('docs', 'posts', text=['title', 'body'])",
        "op.unfollow_collection('docs', 'posts')\n"
        "op.alter_column('posts', 'body', new_column_name='old')\n"
        "op.alter_collection('docs', 'posts', text=['title', 'old'])",
        {"text": BODY},
    ),
    "a column after": (
        "op.alter_collection('docs', 'posts', text=['title'])\n"
        "op.alter_column('posts', 'old', new_column_name='body')",
        "op.alter_column('posts', 'body', new_column_name='old')\n"
        "op.alter_collection('docs', 'posts', text=['title', 'old'])",
        {"text": "title"},
    ),
    "the table before": (
        "op.rename_table('posts', 'articles')\n"
        "op.alter_collection('docs', 'articles', metadata=[])",
        "op.rename_table('articles', 'posts')\n"
        "op.alter_collection('docs', 'posts', metadata=['year'])",
        {"table": "articles", "text": BEFORE},
    ),
    "the table after": (
        "op.alter_collection('docs', 'posts', metadata=[])\n"
        "op.rename_table('posts', 'articles')\n"
        "op.follow_collection('docs', 'articles')",
        "op.rename_table('articles', 'posts')\n"
        "op.alter_collection('docs', 'posts', metadata=['year'])",
        {"table": "articles", "text": BEFORE},
    ),
    "the table alone": (
        "op.rename_table('posts', 'articles')\nop.follow_collection('docs', 'articles')",
        "op.rename_table('articles', 'posts')\nop.follow_collection('docs', 'posts')",
        {"table": "articles", "text": BEFORE},
    ),
    "another schema": (
        "op.execute('CREATE SCHEMA shop')\n"
        "op.execute('ALTER TABLE posts SET SCHEMA shop')\n"
        "op.follow_collection('docs', 'posts', schema='shop')",
        "op.execute('ALTER TABLE shop.posts SET SCHEMA public')\n"
        "op.follow_collection('docs', 'posts', schema='public')\n"
        "op.execute('DROP SCHEMA shop')",
        {"table": "shop.posts", "text": BEFORE},
    ),
    "the constraint of the primary key": (
        "op.execute('ALTER TABLE posts RENAME CONSTRAINT posts_pkey TO pk_posts')",
        "op.execute('ALTER TABLE posts RENAME CONSTRAINT pk_posts TO posts_pkey')",
        {"text": BEFORE},
    ),
    "a column that becomes generated": (
        "op.unfollow_collection('docs', 'posts')\n"
        "op.drop_column('posts', 'old')\n"
        "op.add_column('posts', sa.Column('old', sa.Text, "
        "sa.Computed('upper(title)', persisted=True)))\n"
        "op.follow_collection('docs', 'posts')",
        "op.unfollow_collection('docs', 'posts')\n"
        "op.drop_column('posts', 'old')\n"
        "op.add_column('posts', sa.Column('old', sa.Text))\n"
        "op.follow_collection('docs', 'posts')",
        {"text": BEFORE},
    ),
    "an enum": (
        "op.execute(\"CREATE TYPE mood AS ENUM ('good', 'bad')\")\n"
        "op.unfollow_collection('docs', 'posts')\n"
        "op.alter_column('posts', 'year', type_=sa.Enum('good', 'bad', name='mood'), "
        "postgresql_using=\"'good'::mood\")\n"
        "op.follow_collection('docs', 'posts')",
        "op.unfollow_collection('docs', 'posts')\n"
        "op.alter_column('posts', 'year', type_=sa.Integer(), postgresql_using='1')\n"
        "op.execute('DROP TYPE mood')\n"
        "op.follow_collection('docs', 'posts')",
        {"text": BEFORE},
    ),
}


@pytest.mark.parametrize("name", FOLLOWED)
def test_a_rename_is_followed(posts: Application, name: str) -> None:
    upgrade, downgrade, after = FOLLOWED[name]
    made = posts.run("SELECT id FROM embeddb.collections")
    posts.write_revision(upgrade, downgrade)
    posts.upgrade()
    lives(posts, name="docs", **after)
    posts.downgrade()
    assert posts.differences() == []
    lives(posts, name="docs", text=BEFORE)
    posts.upgrade()
    lives(posts, name="docs", **after)
    assert posts.run("SELECT id FROM embeddb.collections") == made


@pytest.mark.parametrize(
    ("upgrade", "after"),
    [
        (
            "op.rename_table('posts', 'articles')\nop.follow_collection('docs', 'articles')",
            {"table": "articles"},
        ),
        (
            "op.execute('CREATE SCHEMA shop')\n"
            "op.execute('ALTER TABLE posts SET SCHEMA shop')\n"
            "op.follow_collection('docs', 'posts', schema='shop')",
            {"metadata": sa.MetaData(schema="shop")},
        ),
    ],
)
def test_models_that_are_renamed_as_well_converge(
    posts: Application, upgrade: str, after: dict[str, Any]
) -> None:
    posts.write_revision(upgrade, "pass")
    posts.upgrade()
    posts.metadata = models(
        embedding("title", "old", name="docs", metadata=["year"]),
        columns=[sa.Column("old", sa.Text), sa.Column("year", sa.Integer)],
        **after,
    )
    posts.options = {"include_schemas": True}
    posts.check()
    assert work(posts) == 0


def test_a_new_partition_is_followed(application: Application) -> None:
    application.run("CREATE TABLE posts (id int PRIMARY KEY, title text) PARTITION BY RANGE (id)")
    application.run("CREATE TABLE posts_1 PARTITION OF posts FOR VALUES FROM (1) TO (3)")
    application.metadata = models(embedding("title"))
    application.options = {"include_name": lambda name, kind, parents: name != "posts_1"}
    application.migrate()
    application.run("INSERT INTO posts (id, title) VALUES (1, 'tea'), (2, 'beer')")
    work(application)
    application.write_revision(
        "op.execute('CREATE TABLE posts_2 PARTITION OF posts FOR VALUES FROM (3) TO (99)')\n"
        "op.follow_collection('posts', 'posts')",
        "op.execute('DROP TABLE posts_2')\nop.follow_collection('posts', 'posts')",
    )
    application.upgrade()
    application.run("INSERT INTO posts_2 (id, title) VALUES (3, 'wine')")
    lives(application)


def test_a_key_that_is_widened_is_let_go_before(application: Application) -> None:
    application.metadata = models(embedding("title"))
    application.migrate()
    application.metadata = models(embedding("title"), key=sa.BigInteger)
    for part in application.revision().split("def downgrade"):
        steps = [
            "op.unfollow_collection('posts'",
            "op.alter_column(",
            "op.follow_collection('posts'",
        ]
        assert [part.count(step) for step in steps] == [1, 1, 1]
        assert steps == sorted(steps, key=part.index)
