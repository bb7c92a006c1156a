"""The changes of models that every application has: generated, applied, reversed, applied again.

Rows are written and encoded between all steps, and what is embedded is that of the rows each time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
import sqlalchemy as sa
from pgvector.sqlalchemy import VECTOR

from tests.support.alembic_application import Application, body
from tests.support.everyday import Models, embedding, lives, models, work

NAMING = {
    "ix": "ix_%(column_0_label)s",
    "uq": "uq_%(table_name)s_%(column_0_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


def year(kind: Any = sa.Integer, **options: Any) -> sa.Column[Any]:  # noqa: ANN401
    return sa.Column("year", kind, **options)


def text(name: str, **options: Any) -> sa.Column[Any]:  # noqa: ANN401
    return sa.Column(name, sa.Text, **options)


def vector(dim: int) -> sa.Column[Any]:
    return sa.Column("v", VECTOR(dim))


def vector_index(**options: Any) -> sa.Index:  # noqa: ANN401
    given = {"postgresql_using": "hnsw", "postgresql_ops": {"v": "vector_l2_ops"}, **options}
    return sa.Index(None, "v", **given)


BOTH = "concat_ws(E'\\n\\n', title, {})"


@dataclass(frozen=True, kw_only=True)
class Change:
    """A change of models.

    Attributes:
        before, after: the models.
        steps: operations of the generated upgrade, in their order.
        texts: a row's text in SQL, before and after.
        never: what is not in the upgrade.
        collections: those that are followed all the time.
    """

    before: Models
    after: Models
    steps: tuple[str, ...]
    texts: tuple[str, str] = ("title", "title")
    never: tuple[str, ...] = ("detach_collection", "attach_collection(")
    collections: tuple[str, ...] = ("posts",)


UNFOLLOWED = ("op.unfollow_collection('posts'", "alter_column", "op.follow_collection('posts'")
NO_FOLLOW = ("op.unfollow", "op.follow", "op.alter_collection", "tach_collection")

CHANGES = {
    "key-widened": Change(
        before=lambda: models(embedding("title")),
        after=lambda: models(embedding("title"), key=sa.BigInteger),
        steps=UNFOLLOWED,
    ),
    "type": Change(
        before=lambda: models(embedding("title"), title=sa.String(50)),
        after=lambda: models(embedding("title")),
        steps=UNFOLLOWED,
    ),
    "type-of-metadata": Change(
        before=lambda: models(embedding("title", metadata=["year"]), columns=[year()]),
        after=lambda: models(embedding("title", metadata=["year"]), columns=[year(sa.BigInteger)]),
        steps=UNFOLLOWED,
    ),
    "type-with-metadata": Change(
        before=lambda: models(embedding("title"), title=sa.String(50), columns=[year()]),
        after=lambda: models(embedding("title", metadata=["year"]), columns=[year()]),
        steps=("op.unfollow_collection(", "alter_column", "op.alter_collection("),
        never=("op.follow_collection", "tach_collection("),
    ),
    "type-with-text-that-moves": Change(
        before=lambda: models(
            embedding("title", "old"), title=sa.String(50), columns=[text("old")]
        ),
        after=lambda: models(embedding("title", "new"), columns=[text("new")]),
        steps=(
            "op.unfollow_collection(",
            "add_column",
            "alter_column",
            "drop_column",
            "op.alter_collection(",
        ),
        texts=(BOTH.format("old"), BOTH.format("new")),
        never=("op.follow_collection", "tach_collection("),
    ),
    "type-with-storage": Change(
        before=lambda: models(embedding("title"), title=sa.String(50)),
        after=lambda: models(embedding("title", storage="halfvec")),
        steps=(*UNFOLLOWED, "op.alter_collection("),
        never=("tach_collection(",),
    ),
    "text-moves": Change(
        before=lambda: models(embedding("title", "old"), columns=[text("old")]),
        after=lambda: models(embedding("title", "new"), columns=[text("new")]),
        steps=("add_column", "op.alter_collection(", "drop_column"),
        texts=(BOTH.format("old"), BOTH.format("new")),
    ),
    "text-moves-in-an-expression": Change(
        before=lambda: models(
            embedding(expression="title || coalesce(old, '')"), columns=[text("old")]
        ),
        after=lambda: models(
            embedding(expression="title || coalesce(new, '')"), columns=[text("new")]
        ),
        steps=("add_column", "op.alter_collection(", "drop_column"),
        texts=("title || coalesce(old, '')", "title || coalesce(new, '')"),
    ),
    "metadata-dropped": Change(
        before=lambda: models(embedding("title", metadata=["year"]), columns=[year()]),
        after=lambda: models(embedding("title")),
        steps=("op.alter_collection(", "drop_column"),
    ),
    "condition-dropped": Change(
        before=lambda: models(
            embedding("title", where="year IS NULL OR year > 0"), columns=[year()]
        ),
        after=lambda: models(embedding("title")),
        steps=("op.alter_collection(", "drop_column"),
    ),
    "nullable-and-default": Change(
        before=lambda: models(embedding("title", metadata=["year"]), columns=[year()]),
        after=lambda: models(
            embedding("title", metadata=["year"]),
            title=sa.Column("title", sa.Text, nullable=False),
            columns=[year(server_default="7")],
        ),
        steps=("alter_column",),
        never=NO_FOLLOW,
    ),
    "constraints-and-comments": Change(
        before=lambda: models(embedding("title"), columns=[year()]),
        after=lambda: models(
            embedding("title"),
            title=sa.Column("title", sa.Text, comment="what it is called"),
            columns=[year(index=True)],
            items=[sa.UniqueConstraint("title", "id", name="title_once")],
        ),
        steps=("alter_column", "create_index", "create_unique_constraint"),
        never=NO_FOLLOW,
    ),
    "two-embeddings": Change(
        before=lambda: models(
            embedding("title"),
            embedding("title", "old", name="whole"),
            title=sa.String(50),
            columns=[text("old")],
        ),
        after=lambda: models(embedding("title"), embedding("title", name="whole")),
        steps=("op.unfollow_collection(", "alter_column", "drop_column", "op.alter_collection("),
        never=("tach_collection(",),
        collections=("posts", "whole"),
    ),
    "one-of-two-embeddings-goes": Change(
        before=lambda: models(
            embedding("title"), embedding("old", name="olds"), columns=[text("old")]
        ),
        after=lambda: models(embedding("title")),
        steps=("op.detach_collection('olds'", "drop_column"),
        never=("detach_collection('posts'",),
    ),
    "several-tables": Change(
        before=lambda: models(
            embedding("title", "old"),
            columns=[text("old")],
            metadata=models(embedding("title"), table="notes", title=sa.String(99)),
        ),
        after=lambda: models(
            embedding("title", "new"),
            columns=[text("new")],
            metadata=models(embedding("title"), table="notes"),
        ),
        steps=(
            "op.unfollow_collection('notes'",
            "op.follow_collection('notes'",
            "op.alter_collection('posts'",
            "drop_column",
        ),
        texts=(BOTH.format("old"), BOTH.format("new")),
    ),
    "a-vector-with-its-index": Change(
        before=lambda: models(embedding("title")),
        after=lambda: models(embedding("title"), columns=[vector(8)], items=[vector_index()]),
        steps=("add_column", "op.create_vector_index("),
        never=NO_FOLLOW,
    ),
    "a-vectors-dimensions": Change(
        before=lambda: models(embedding("title"), columns=[vector(8)], items=[vector_index()]),
        after=lambda: models(embedding("title"), columns=[vector(9)], items=[vector_index()]),
        steps=("alter_column",),
        never=NO_FOLLOW,
    ),
    "a-vector-index-by-another-definition": Change(
        before=lambda: models(
            embedding("title"), title=sa.String(99), columns=[vector(8)], items=[vector_index()]
        ),
        after=lambda: models(
            embedding("title"),
            columns=[vector(8)],
            items=[vector_index(postgresql_ops={"v": "vector_cosine_ops"})],
        ),
        steps=(
            "op.unfollow_collection(",
            "op.drop_vector_index(",
            "alter_column",
            "op.create_vector_index(",
            "op.follow_collection(",
        ),
    ),
}

PLAIN = ("type-with-text-that-moves", "text-moves", "a-vector-with-its-index", "several-tables")
"""The changes that are tried without batch mode too, which the other tests are without."""

CASES = [*((name, True) for name in CHANGES), *((name, False) for name in PLAIN)]


@pytest.fixture(autouse=True)
def _models_of_tests(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EMBEDDB_PYTHON_MODELS", "tests.support.encoders")


@pytest.fixture
def everyday(application: Application, batch: bool) -> Application:
    """An application that has its revisions generated in batch mode, or not."""
    application.options = {"render_as_batch": batch, "compare_server_default": True}
    return application


# Alembic writes autoincrement into what it generates of keys, and warns of it on Postgres
@pytest.mark.filterwarnings("ignore:autoincrement and existing_autoincrement:UserWarning")
@pytest.mark.parametrize(("name", "batch"), CASES)
def test_a_change_is_applied_reversed_and_applied_again(everyday: Application, name: str) -> None:
    change = CHANGES[name]
    before, after = (named(given()) for given in (change.before, change.after))
    everyday.metadata = before
    everyday.migrate()
    everyday.run("INSERT INTO posts (id, title) VALUES (1, 'tea'), (2, 'beer'), (3, 'wine')")
    live(everyday, change, change.texts[0])
    everyday.metadata = after
    script = body(everyday.migrate())
    assert in_order(script, change.steps)
    assert not [word for word in change.never if word in script]
    assert change.texts[0] != change.texts[1] or work(everyday) == 0
    live(everyday, change, change.texts[1])
    everyday.downgrade()
    everyday.metadata = before
    assert everyday.differences() == []
    live(everyday, change, change.texts[0])
    everyday.upgrade()
    everyday.metadata = after
    everyday.check()
    live(everyday, change, change.texts[1])


def named(metadata: sa.MetaData) -> sa.MetaData:
    """Return models whose constraints are named by a convention, as Flask's and FastAPI's are."""
    copied = sa.MetaData(naming_convention=NAMING)
    copied.info.update(metadata.info)
    for table in metadata.sorted_tables:
        table.to_metadata(copied)
    return copied


def live(application: Application, change: Change, text: str) -> None:
    for name in change.collections:
        lives(application, text=text if name == "posts" else "title", name=name)


def in_order(script: str, steps: tuple[str, ...]) -> bool:
    """Return whether the steps are there, one after the other."""
    position = 0
    for step in steps:
        position = script.find(step, position)
        if position < 0:
            return False
    return True
