"""An embedding searches the collection of its own table, and no other of the same name."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

import embeddb
from embeddb.errors import ConfigurationError, EmbeddingConflictError
from embeddb.sqlalchemy import Embedding, declare
from embeddb.sqlalchemy.attribute import EmbeddingAttribute
from tests.support.attaching import drain

MODEL = "python:tests.support.encoders:encode"


@pytest.fixture(autouse=True)
def _models_of_tests(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EMBEDDB_PYTHON_MODELS", "tests.support.encoders")


@pytest.fixture
def engine(database: str, store: embeddb.Store) -> Iterator[sa.Engine]:
    """An engine on a database where `blog.posts` is embedded, and `forum.posts` is not."""
    engine = sa.create_engine(database.replace("postgresql:", "postgresql+psycopg:"))
    with engine.begin() as connection:
        for schema, rows in {"blog": ("cats", "dogs"), "forum": ("dogs", "planes")}.items():
            connection.execute(sa.schema.CreateSchema(schema))
            table, _ = posts(schema)
            table.create(connection)
            connection.execute(table.insert(), [{"title": title} for title in rows])
    store.attach("blog.posts", text="title", model=MODEL, index=None, chunker="none")
    drain(store, store.collection("posts"))
    yield engine
    engine.dispose()


def posts(schema: str | None, name: str | None = None) -> tuple[sa.Table, EmbeddingAttribute]:
    """Return a table of posts as a model declares it, with its embedding."""
    columns = sa.Column("id", sa.Integer, primary_key=True), sa.Column("title", sa.Text)
    table = sa.Table("posts", sa.MetaData(schema=schema), *columns)
    return table, declare(table, Embedding("title", model=MODEL, name=name))


def nearest(connection: sa.Connection, schema: str | None, name: str | None = None) -> list[str]:
    """Return the posts nearest to "dogs", of the table of a schema."""
    table, embedding = posts(schema, name)
    statement = sa.select(table.c.title).order_by(embedding.nearest("dogs")).limit(2)
    return list(connection.scalars(statement))


def test_the_table_of_another_schema_is_refused(engine: sa.Engine) -> None:
    with engine.connect() as connection:
        assert nearest(connection, "blog") == ["dogs", "cats"]
        with pytest.raises(EmbeddingConflictError, match=r"follows blog\.posts.*name='…'"):
            nearest(connection, "forum")
        table, embedding = posts("forum")
        found = embedding.search("dogs")
        for statement in (
            sa.select(embedding.distance("dogs")),
            sa.select(found.c.content),
            sa.select(table.c.title).join(found, found.c.id == table.c.id),
        ):
            with pytest.raises(EmbeddingConflictError):
                connection.execute(statement)


def test_both_in_one_statement_are_refused(engine: sa.Engine) -> None:
    _, one = posts("blog")
    _, other = posts("forum")
    statement = sa.select(one.distance("dogs"), other.distance("dogs"))
    with engine.connect() as connection, pytest.raises(EmbeddingConflictError):
        connection.execute(statement)


def test_a_translated_schema_is_the_one_that_counts(engine: sa.Engine) -> None:
    for schema in (None, "forum"):
        with engine.connect() as connection:
            there = connection.execution_options(schema_translate_map={schema: "blog"})
            assert nearest(there, schema) == ["dogs", "cats"]
    for schema in (None, "blog"):
        with engine.connect() as connection:
            there = connection.execution_options(schema_translate_map={schema: "forum"})
            with pytest.raises(EmbeddingConflictError):
                nearest(there, schema)


def test_without_a_schema_the_search_path_counts(engine: sa.Engine) -> None:
    with engine.connect() as connection:
        connection.execute(sa.text("SET LOCAL search_path = blog, forum"))
        assert nearest(connection, None) == ["dogs", "cats"]
        connection.execute(sa.text("SET LOCAL search_path = forum, blog"))
        with pytest.raises(EmbeddingConflictError, match=r'follows blog\.posts.*"posts"'):
            nearest(connection, None)


def test_by_names_of_their_own_each_has_its_own(engine: sa.Engine, store: embeddb.Store) -> None:
    forum = store.attach(
        "forum.posts", name="forum_posts", text="title", model=MODEL, index=None, chunker="none"
    )
    drain(store, forum)
    with engine.connect() as connection:
        assert nearest(connection, "blog") == ["dogs", "cats"]
        assert nearest(connection, "forum", "forum_posts") == ["dogs", "planes"]
        with pytest.raises(EmbeddingConflictError):
            nearest(connection, "forum", "posts")


def test_a_collection_named_otherwise_is_found_by_its_table(
    engine: sa.Engine, store: embeddb.Store
) -> None:
    """As after `ALTER TABLE … RENAME`: an embedding without a name of its own has its table's."""
    forum = store.attach(
        "forum.posts",
        name="threads",
        text="title",
        model=MODEL,
        index=None,
        chunker="none",
        owner="public.alembic_version",
    )
    drain(store, forum)
    with engine.connect() as connection:
        assert nearest(connection, "forum") == ["dogs", "planes"]
        _, embedding = posts("forum")
        with pytest.raises(EmbeddingConflictError, match="name='threads'"):
            connection.execute(sa.select(embedding.search("dogs").c.content))


def test_another_embedding_of_the_table_does_not_stand_in(
    engine: sa.Engine, store: embeddb.Store
) -> None:
    store.attach("forum.posts", name="threads", text="title", model=MODEL, owner="public.v")
    table, _ = posts("forum")
    declare(table, Embedding("title", model=MODEL, name="threads"))
    embedding = declare(table, Embedding("title", model=MODEL))
    with engine.connect() as connection, pytest.raises(EmbeddingConflictError):
        connection.execute(sa.select(embedding.distance("dogs")))
    # nor one that somebody has attached by hand
    store.detach("threads")
    store.attach("forum.posts", name="by_hand", text="title", model=MODEL)
    with engine.connect() as connection, pytest.raises(EmbeddingConflictError):
        connection.execute(sa.select(embedding.distance("dogs")))


def test_a_view_of_the_table_is_searched_as_before(engine: sa.Engine) -> None:
    with engine.begin() as connection:
        connection.execute(sa.text("CREATE SCHEMA views"))
        connection.execute(sa.text("CREATE VIEW views.posts AS SELECT * FROM blog.posts"))
        assert nearest(connection, "views") == ["dogs", "cats"]


def test_a_column_of_the_parents_table_is_refused() -> None:
    class Base(DeclarativeBase):
        pass

    class Node(Base):
        __tablename__ = "nodes"
        id: Mapped[int] = mapped_column(primary_key=True)
        title: Mapped[str]

    with pytest.raises(ConfigurationError, match="'title', which is a column of nodes"):

        class Page(Node):
            __tablename__ = "pages"
            id: Mapped[int] = mapped_column(sa.ForeignKey("nodes.id"), primary_key=True)
            embedding = Embedding("title", model=MODEL)
