"""Models and database that are alike stay so, whatever their tables are called and wherever."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import Any

import pytest
import sqlalchemy as sa
from pgvector.sqlalchemy import VECTOR
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

import embeddb
from embeddb.sqlalchemy import Embedding, declare
from embeddb.sqlalchemy.attribute import EmbeddingAttribute
from tests.support.alembic_application import Application, body
from tests.support.attaching import drain

MODEL = "python:tests.support.encoders:encode"

CONVENTION = {
    "ix": "ix_%(column_0_label)s",
    "uq": "uq_%(table_name)s_%(column_0_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}

Declaring = Callable[[sa.MetaData], tuple[sa.Table, str]]
"""Adds a table to a MetaData, and returns it with the column of its text."""


@pytest.fixture(autouse=True)
def _models_of_tests(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EMBEDDB_PYTHON_MODELS", "tests.support.encoders")


def plain(metadata: sa.MetaData) -> tuple[sa.Table, str]:
    return _table(metadata, "posts", "title"), "title"


def quoted(metadata: sa.MetaData) -> tuple[sa.Table, str]:
    return _table(metadata, "My Table", "The Title"), "The Title"


def upper(metadata: sa.MetaData) -> tuple[sa.Table, str]:
    return _table(metadata, "POSTS", "TITLE"), "TITLE"


def reserved(metadata: sa.MetaData) -> tuple[sa.Table, str]:
    return _table(metadata, "order", "user"), "user"


def asked_to_be_quoted(metadata: sa.MetaData) -> tuple[sa.Table, str]:
    return _table(metadata, "posts", "title", quote=True), "title"


def with_defaults(metadata: sa.MetaData) -> tuple[sa.Table, str]:
    made = sa.Column("made", sa.DateTime(timezone=True), server_default=sa.func.now())
    more = sa.Column("more", JSONB, server_default=sa.text("'{}'::jsonb"))
    lang = sa.Column("lang", sa.String(8), server_default="en", nullable=False)
    vector = sa.Column("vector", VECTOR(3))
    table = _table(metadata, "posts", "title", made, more, lang, vector)
    sa.Index(
        None if metadata.naming_convention is CONVENTION else "posts_vector",
        table.c.vector,
        postgresql_using="hnsw",
        postgresql_ops={"vector": "vector_cosine_ops"},
    )
    return table, "title"


def partitioned(metadata: sa.MetaData) -> tuple[sa.Table, str]:
    lang = sa.Column("lang", sa.Text, primary_key=True)
    return _table(metadata, "posts", "title", lang, postgresql_partition_by="LIST (lang)"), "title"


TABLES = (plain, quoted, upper, reserved, asked_to_be_quoted, with_defaults, partitioned)


def _table(
    metadata: sa.MetaData,
    name: str,
    text: str,
    *extra: sa.Column[Any],
    **options: Any,  # noqa: ANN401  # SQLAlchemy's
) -> sa.Table:
    key = sa.Column("id", sa.BigInteger, primary_key=True)
    return sa.Table(name, metadata, key, sa.Column(text, sa.Text), *extra, **options)


CASES = [
    (schema, convention, declaring, schemas)
    for schema, convention, declaring, schemas in product(
        (None, "public", "Other Place"), ({}, CONVENTION), TABLES, (False, True)
    )
    # without include_schemas, Alembic creates the tables of other schemas again each time
    if schema != "Other Place" or schemas
    if not convention or declaring in (with_defaults, partitioned)
]


@pytest.mark.parametrize(("schema", "convention", "declaring", "schemas"), CASES)
def test_nothing_is_left_to_do_and_what_is_declared_is_searched(
    application: Application,
    store: embeddb.Store,
    schema: str | None,
    convention: dict[str, str],
    declaring: Declaring,
    schemas: bool,
) -> None:
    application.run('CREATE SCHEMA "Other Place"')
    application.options = {"include_schemas": schemas}
    post, text = None, ""
    for index in (None, embeddb.HNSW(m=8)):
        application.metadata = sa.MetaData(schema=schema, naming_convention=convention)
        table, text = declaring(application.metadata)
        post = declare(table, Embedding(text, model=MODEL, index=index, chunker="none"))
        script = body(application.migrate())
        assert "detach" not in script
        # again, from what the database has now
        assert application.revision().count("op.") == 0
        application.upgrade()
        application.check()
    assert post is not None
    _fill(application, table, text)
    drain(store, store.collection(table.name))
    assert _nearest(application, post, table, "dogs bark") == "dogs bark"


def _fill(application: Application, table: sa.Table, text: str) -> None:
    with application.engine.begin() as connection:
        if table.dialect_options["postgresql"]["partition_by"]:
            name = application.engine.dialect.identifier_preparer.format_table(table)
            connection.execute(sa.text(f"CREATE TABLE posts_rest PARTITION OF {name} DEFAULT"))
        for number, words in enumerate(("cats purr", "dogs bark")):
            row = {"id": number, text: words, **({"lang": "en"} if "lang" in table.c else {})}
            connection.execute(table.insert().values(row))


def _nearest(
    application: Application, post: EmbeddingAttribute, table: sa.Table, query: str
) -> Any:  # noqa: ANN401  # a column's
    statement = sa.select(table).order_by(post.nearest(query)).limit(1)
    with application.engine.connect() as connection:
        return connection.execute(statement).one()[1]


def test_tables_of_other_schemas_without_include_schemas(application: Application) -> None:
    """Alembic compares none of these tables; what `include_object` leaves out is not attached."""
    application.run("CREATE SCHEMA other")
    application.metadata = sa.MetaData(schema="other")
    table, text = plain(application.metadata)
    table.create(application.engine)
    declare(table, Embedding(text, model=MODEL))
    application.options = {"include_schemas": True}
    application.migrate()
    application.options = {"include_object": lambda item, name, *rest: name != "posts"}
    application.check()


def test_the_schema_of_a_search_path_of_ones_own(application: Application) -> None:
    """A tenant's tables are created where its search path begins, and found there again."""
    application.run("CREATE SCHEMA tenant")
    application.run(
        "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET search_path = tenant, public', "
        "current_database()); END $$"
    )
    application.metadata = sa.MetaData()
    table, text = plain(application.metadata)
    declare(table, Embedding(text, model=MODEL))
    application.migrate()
    assert "op." not in body(application.revision())
    found = application.run(
        "SELECT source ->> 'schema', source ->> 'owner' FROM embeddb.collections"
    )
    assert found == [("tenant", "tenant.alembic_version")]


def test_a_table_that_the_search_path_finds_behind_the_first_schema(
    application: Application,
) -> None:
    application.metadata = sa.MetaData()
    table, text = with_defaults(application.metadata)
    declare(table, Embedding(text, model=MODEL))
    application.migrate()
    application.run("CREATE SCHEMA tenant")
    application.run(
        "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET search_path = tenant, public', "
        "current_database()); END $$"
    )
    application.check()


class Titled:
    """Several tables declare what this mixin has."""

    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str]
    embedding = Embedding("title", model=MODEL, chunker="none")


def test_a_mixin_and_its_heirs(application: Application, store: embeddb.Store) -> None:
    class Base(DeclarativeBase):
        pass

    class Post(Titled, Base):
        __tablename__ = "posts"

    class Page(Titled, Base):
        __tablename__ = "pages"
        kind: Mapped[str] = mapped_column(default="page")
        __mapper_args__ = {"polymorphic_on": "kind", "polymorphic_identity": "page"}  # noqa: RUF012

    class Landing(Page):
        __mapper_args__ = {"polymorphic_identity": "landing"}  # noqa: RUF012

    class Product(Page):
        __tablename__ = "products"
        id: Mapped[int] = mapped_column(sa.ForeignKey("pages.id"), primary_key=True)
        price: Mapped[str]
        offer = Embedding("price", model=MODEL, chunker="none")
        __mapper_args__ = {"polymorphic_identity": "product"}  # noqa: RUF012

    application.metadata = Base.metadata
    script = body(application.migrate())
    assert script.count("op.attach_collection(") == 3
    assert "op." not in body(application.revision())
    with Session(application.engine) as session:
        session.add_all([Post(title="cats purr"), Post(title="dogs bark")])
        session.add_all([Page(title="dogs bark"), Landing(title="planes fly")])
        session.add_all([Product(title="planes land", price="nine coins")])
        session.commit()
        for name in ("posts", "pages", "products"):
            drain(store, store.collection(name))
        searches: tuple[tuple[type[Titled], str, str], ...] = (
            (Post, "dogs bark", "dogs bark"),
            (Landing, "dogs bark", "planes fly"),
            (Product, "planes land", "planes land"),
        )
        for model, query, wanted in searches:
            statement = sa.select(model).order_by(model.embedding.nearest(query)).limit(1)
            assert session.scalars(statement).one().title == wanted
        by_price = sa.select(Product).order_by(Product.offer.nearest("nine coins")).limit(1)
        assert session.scalars(by_price).one().title == "planes land"
