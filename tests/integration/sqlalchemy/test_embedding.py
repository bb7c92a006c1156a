"""Embeddings in SQLAlchemy's selects: what comes back, in which order, by which plan."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlalchemy.orm import (
    DeclarativeBase,
    Mapped,
    Session,
    aliased,
    joinedload,
    mapped_column,
    relationship,
    with_loader_criteria,
)

import embeddb
from embeddb.errors import CollectionNotFoundError, ConfigurationError
from embeddb.sqlalchemy import Embedding, declare
from tests.support.attaching import drain
from tests.support.encoders import HashEncoder

MODEL = "python:tests.support.encoders:encode"
COUNT = 3_000


class Base(DeclarativeBase):
    """Models of a shop's articles."""


class Author(Base):
    __tablename__ = "authors"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]


class Tag(Base):
    __tablename__ = "tags"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]


sa.Table(
    "article_tags",
    Base.metadata,
    sa.Column("article_id", sa.ForeignKey("articles.id"), primary_key=True),
    sa.Column("tag_id", sa.ForeignKey("tags.id"), primary_key=True),
)


class Article(Base):
    __tablename__ = "articles"
    id: Mapped[int] = mapped_column(sa.BigInteger, primary_key=True)
    title: Mapped[str]
    body: Mapped[str]
    year: Mapped[int]
    author_id: Mapped[int] = mapped_column(sa.ForeignKey("authors.id"))
    author: Mapped[Author] = relationship()
    tags: Mapped[list[Tag]] = relationship(secondary="article_tags")
    embedding = Embedding("title", "body", model=MODEL, metadata=["year"], chunker="none")


@pytest.fixture(autouse=True)
def _models_of_tests(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EMBEDDB_PYTHON_MODELS", "tests.support.encoders")


@pytest.fixture
def engine(database: str) -> Iterator[sa.Engine]:
    """An engine of the application's."""
    engine = sa.create_engine(database.replace("postgresql:", "postgresql+psycopg:"))
    yield engine
    engine.dispose()


@pytest.fixture
def session(engine: sa.Engine, store: embeddb.Store) -> Iterator[Session]:
    """A session on a database of articles that are embedded."""
    Base.metadata.create_all(engine)
    with Session(engine) as session:
        session.add_all([Author(id=number, name=f"author{number}") for number in range(1, 11)])
        session.flush()
        session.add_all(
            Article(
                id=number,
                title=f"word{number % 50}",
                body=f"word{number % 7} word{number}",
                year=2000 + number % 1000,
                author_id=1 + number % 10,
            )
            for number in range(1, COUNT + 1)
        )
        session.commit()
        store.attach("articles", text="title, body", model=MODEL, metadata=["year"], chunker="none")
        drain(store, store.collection("articles"))
        store.collection("articles").create_index()
        yield session


def truth(
    session: Session, query: str, limit: int, passes: sa.ColumnElement[bool] | None = None
) -> list[int]:
    """Return the ids of the nearest articles by comparing all of them."""
    encoder = HashEncoder()
    wanted = encoder.encode([query], "query")[0]
    rows = session.execute(
        sa.select(Article.id, Article.title + "\n\n" + Article.body)
        .join(Article.author)
        .where(sa.true() if passes is None else passes)
    ).all()
    vectors = encoder.encode([row[1] for row in rows])
    distances = 1 - vectors @ wanted
    nearest = sorted(zip(distances.tolist(), (row[0] for row in rows), strict=True))
    return [row[1] for row in nearest[:limit]]


def test_nearest_orders_a_select(session: Session) -> None:
    statement = sa.select(Article).order_by(Article.embedding.nearest("word17 word3")).limit(10)
    found = [article.id for article in session.scalars(statement)]
    assert len(set(found) & set(truth(session, "word17 word3", 10))) >= 9


@pytest.mark.parametrize("year", [2, 200, 900])
def test_a_filter_leaves_as_many_as_there_are(session: Session, year: int) -> None:
    passes = Article.year < 2000 + year
    statement = (
        sa.select(Article.id).where(passes).order_by(Article.embedding.nearest("word17")).limit(5)
    )
    found = session.scalars(statement).all()
    wanted = truth(session, "word17", 5, passes)
    assert len(found) == 5
    assert len(set(found) & set(wanted)) >= 4


def test_joins_and_conditions_on_what_is_joined(session: Session) -> None:
    passes = Author.name == "author3"
    statement = (
        sa.select(Article.id, Author.name)
        .join(Article.author)
        .where(passes, Article.embedding.distance("word17") < 0.99)
        .order_by(Article.embedding.nearest("word17"), Article.id)
        .limit(8)
    )
    found = session.execute(statement).all()
    assert {row[1] for row in found} == {"author3"}
    assert len({row[0] for row in found} & set(truth(session, "word17", 8, passes))) >= 7


def test_conditions_on_what_is_joined_in_a_subquery(session: Session) -> None:
    session.add(Tag(id=1, name="rare"))
    session.flush()
    tagged = [{"article_id": number, "tag_id": 1} for number in (17, 67, 500)]
    session.execute(sa.insert(Base.metadata.tables["article_tags"]), tagged)
    session.commit()
    statement = (
        sa.select(Article.id)
        .where(Article.tags.any(Tag.name == "rare"))
        .order_by(Article.embedding.nearest("word17"))
        .limit(5)
    )
    # SQLAlchemy warns where a join seems to be missing, and warnings are errors here
    assert set(session.scalars(statement)) == {17, 67, 500}


def test_distance_is_an_expression(session: Session) -> None:
    near = Article.embedding.distance("word17 word3")
    statement = sa.select(Article.id, near.label("distance")).order_by("distance").limit(3)
    rows = session.execute(statement).all()
    assert [row.distance for row in rows] == sorted(row.distance for row in rows)
    alone = session.execute(sa.select(near).where(Article.id == rows[0].id)).scalar_one()
    assert alone == pytest.approx(rows[0].distance, abs=1e-6)
    count = sa.select(sa.func.count()).where(Article.embedding.distance("word17") < 0.5)
    ids = session.scalars(sa.select(Article.id).where(Article.embedding.distance("word17") < 0.5))
    assert 1 < session.execute(count).scalar_one() == len(ids.all()) < COUNT


def test_a_vector_is_a_query_too_and_so_is_a_parameter(session: Session) -> None:
    vector = HashEncoder().encode(["word17"], "query")[0]
    by_text = sa.select(Article.id).order_by(Article.embedding.nearest("word17")).limit(5)
    by_vector = sa.select(Article.id).order_by(Article.embedding.nearest(vector)).limit(5)
    later = (
        sa.select(Article.id).order_by(Article.embedding.nearest(sa.bindparam("asked"))).limit(5)
    )
    first = session.scalars(by_text).all()
    assert session.scalars(by_vector).all() == first
    assert session.scalars(later, {"asked": "word17"}).all() == first
    assert session.scalars(later, {"asked": "word23"}).all() != first


def test_where_nearest_is_no_plain_first_ordering_it_is_a_distance(session: Session) -> None:
    everything = truth(session, "word17 word3", COUNT)
    nearest = Article.embedding.nearest("word17 word3")
    some = sa.select(Article.id).limit(4)
    orderings: dict[str, tuple[sa.Select[Any], list[int]]] = {
        "descending": (some.order_by(nearest.desc()), everything[:-5:-1]),
        "within an expression": (some.order_by(sa.func.sqrt(nearest)), everything[:4]),
        "second": (
            some.order_by(Article.id > 100, nearest),
            [one for one in everything if one <= 100][:4],
        ),
        "with a computed limit": (
            sa.select(Article.id).order_by(nearest).limit(sa.literal_column("2 + 2")),
            everything[:4],
        ),
    }
    for name, (statement, expected) in orderings.items():
        distances = session.execute(statement.add_columns(nearest)).all()
        assert [row[0] for row in distances] == expected, name


def test_nearest_among_rows_that_another_query_is_near_to(session: Session) -> None:
    close = Article.embedding.distance("word17") < 0.9
    statement = sa.select(Article.id).where(close).limit(5)
    found = session.scalars(statement.order_by(Article.embedding.nearest("word3"))).all()
    passing = session.scalars(sa.select(Article.id).where(close)).all()
    expected = [one for one in truth(session, "word3", COUNT) if one in set(passing)][:5]
    assert len(found) == 5
    assert len(set(found) & set(expected)) >= 4


def test_nearest_among_the_rows_of_a_join(session: Session) -> None:
    few = sa.select(Author.id).where(Author.id < 3).subquery()
    joined = sa.select(Article.id).join(few, few.c.id == Article.author_id)
    found = session.scalars(joined.order_by(Article.embedding.nearest("word17")).limit(5)).all()
    expected = truth(session, "word17", 5, Article.author_id < 3)
    assert len(set(found) & set(expected)) >= 4
    explicit = (
        sa.select(Article.id).select_from(Article).order_by(Article.embedding.nearest("word17"))
    )
    assert len(set(session.scalars(explicit.limit(5))) & set(truth(session, "word17", 5))) >= 4


def test_aliases_offsets_and_subqueries(session: Session) -> None:
    other = aliased(Article)
    ordered = sa.select(other.id).order_by(other.embedding.nearest("word17"))
    first = session.scalars(ordered.limit(6)).all()
    assert session.scalars(ordered.limit(4).offset(2)).all() == first[2:]
    inner = sa.select(Article.id).order_by(Article.embedding.nearest("word17")).limit(6)
    outer = sa.select(Article.id).where(Article.id.in_(inner))
    assert set(session.scalars(outer)) == set(first)
    found = inner.subquery()
    joined = sa.select(Article.id).join(found, found.c.id == Article.id)
    assert set(session.scalars(joined)) == set(first)


def test_where_it_cannot_be_filled_in_the_error_says_so(session: Session) -> None:
    inner = sa.select(Article).order_by(Article.embedding.nearest("word17")).limit(6).subquery()
    with pytest.raises(ConfigurationError, match="select ids in the subquery"):
        session.scalars(sa.select(aliased(Article, inner)))


def test_a_name_that_a_search_has_itself_is_refused(session: Session) -> None:
    alias = aliased(Article, name="d")
    near = sa.select(alias.id).where(alias.year > 0).order_by(alias.embedding.nearest("word17"))
    with pytest.raises(ConfigurationError, match="by the name 'd'"):
        session.scalars(near.limit(3))


def test_options_of_the_orm_stay(session: Session) -> None:
    statement = (
        sa.select(Article)
        .options(
            joinedload(Article.author),
            with_loader_criteria(Article, Article.year < 2100),
        )
        .order_by(Article.embedding.nearest("word17"))
        .limit(5)
    )
    found = session.scalars(statement).all()
    assert len(found) == 5
    assert all(article.year < 2100 for article in found)
    assert all("author" in sa.inspect(article).dict for article in found)


def test_search_is_joined_by_the_key(session: Session) -> None:
    found = Article.embedding.search("word17", 5, filter={"year": {"$lt": 2500}})
    statement = (
        sa.select(Article.id, found.c.distance, found.c.metadata)
        .join(found, found.c.id == Article.id)
        .order_by(found.c.distance)
    )
    rows = session.execute(statement).all()
    assert len(rows) == 5
    assert all(row.metadata["year"] < 2500 for row in rows)


def test_the_index_is_read(session: Session) -> None:
    statement = sa.select(Article.id).order_by(Article.embedding.nearest("word17")).limit(5)
    sent: list[str] = []

    def keep(_: Any, cursor: Any, text: str, values: Any, *others: Any) -> None:  # noqa: ANN401
        if "articles.id" in text:
            cursor.execute("EXPLAIN " + text, values)
            sent.extend(row[0] for row in cursor.fetchall())

    sa.event.listen(session.get_bind(), "before_cursor_execute", keep)
    session.scalars(statement).all()
    plan = "\n".join(sent)
    assert "Index Scan using articles_g1_hnsw" in plan
    assert "using articles_pkey on articles" in plan


def test_a_row_counts_once_by_its_nearest_chunk(engine: sa.Engine, store: embeddb.Store) -> None:
    metadata = sa.MetaData()
    pages = sa.Table(
        "pages",
        metadata,
        sa.Column("site", sa.Uuid, primary_key=True),
        sa.Column("day", sa.Date, primary_key=True),
        sa.Column("at", sa.DateTime(timezone=True), primary_key=True),
        sa.Column("body", sa.Text),
    )
    embedding = declare(pages, Embedding("body", model=MODEL))
    metadata.create_all(engine)
    with engine.begin() as connection:
        for number in range(1, 6):
            text = "\n\n".join(f"word{number} word{part} on page {number}" for part in range(30))
            values = (str(uuid.UUID(int=number)), text)
            connection.exec_driver_sql(
                "INSERT INTO pages VALUES (%s, '2024-02-03', '2024-02-03 04:05:06.7+02', %s)",
                values,
            )
    store.attach("pages", text="body", model=MODEL)
    drain(store, store.collection("pages"), separator="\n\n")
    assert store.collection("pages").count_chunks() > 50
    ordered = sa.select(pages.c.site).order_by(embedding.nearest("word3 page 3"))
    with engine.connect() as connection:
        found = connection.execute(ordered.limit(4)).scalars().all()
        assert len(found) == len(set(found)) == 4
        assert found[0] == uuid.UUID(int=3)
        assert connection.execute(ordered).scalars().first() == uuid.UUID(int=3)
        alias = pages.alias()
        near = sa.select(alias.c.site).order_by(embedding.of(alias).nearest("word4 page 4"))
        assert connection.execute(near.limit(1)).scalar_one() == uuid.UUID(int=4)


def test_async_sessions(session: Session, database: str) -> None:
    async def ask() -> list[int]:
        engine = create_async_engine(database.replace("postgresql:", "postgresql+psycopg:"))
        async with AsyncSession(engine) as asynchronous:
            statement = (
                sa.select(Article)
                .where(Article.year < 2300)
                .order_by(Article.embedding.nearest("word17"))
                .limit(5)
            )
            found = [article.id for article in await asynchronous.scalars(statement)]
        await engine.dispose()
        return found

    assert len(asyncio.run(ask())) == 5


def test_another_generation_is_found(session: Session, store: embeddb.Store) -> None:
    statement = sa.select(Article.id).order_by(Article.embedding.nearest("word17 word3")).limit(5)
    before = session.scalars(statement).all()
    session.commit()
    store.collection("articles").convert(storage="halfvec")
    assert len(set(session.scalars(statement)) & set(before)) >= 4


def test_statements_show_what_they_stand_for() -> None:
    statement = sa.select(Article.id).order_by(Article.embedding.nearest("word17"))
    assert "embeddb.articles_distance(articles.id, :param_1)" in str(statement)


def test_without_a_collection_the_error_says_what_to_do(engine: sa.Engine) -> None:
    Base.metadata.create_all(engine)
    with Session(engine) as session, pytest.raises(CollectionNotFoundError, match="alembic"):
        session.scalars(sa.select(Article).order_by(Article.embedding.nearest("x")).limit(1))


def test_rows_are_found_in_their_partitions(engine: sa.Engine, store: embeddb.Store) -> None:
    metadata = sa.MetaData()
    notes = sa.Table(
        "notes",
        metadata,
        sa.Column("id", sa.BigInteger, primary_key=True),
        sa.Column("the_body", sa.Text, key="body"),
        sa.Column("the_lang", sa.Text, key="lang"),
    )
    layout = embeddb.ListPartitions("the_lang", ("de", "en"))
    embedding = declare(
        notes, Embedding("the_body", model=MODEL, metadata=["lang"], layout=layout, normalize=True)
    )
    declared = metadata.info["embeddb"]["notes"]["notes"]
    assert (declared.text, declared.metadata) == (("the_body",), ("the_lang",))
    metadata.create_all(engine)
    with engine.begin() as connection:
        words = [
            {"id": number, "body": f"word{number % 9}", "lang": ("de", "en", "fr")[number % 3]}
            for number in range(90)
        ]
        connection.execute(sa.insert(notes), words)
    store.attach("notes", text="the_body", metadata=["the_lang"], **declared.spec.fields())
    drain(store, store.collection("notes"))
    store.collection("notes").create_index()
    near = sa.select(notes.c.id).order_by(embedding.nearest("word4"), notes.c.id).limit(10)
    with engine.connect() as connection:
        assert set(connection.scalars(near)) == set(range(4, 90, 9))
        french = connection.scalars(near.where(notes.c.lang == "fr").limit(3)).all()
        assert len(french) == 3
        assert {number % 3 for number in french} == {2}


def test_what_is_declared_wrongly_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="has columns"):
        Embedding(model=MODEL)
    with pytest.raises(ConfigurationError, match="no such column"):
        declare(sa.Table("t", sa.MetaData(), sa.Column("a", sa.Text)), Embedding("b", model=MODEL))
    with pytest.raises(AttributeError, match="ask the class"):
        _ = Article(id=1).embedding
    with pytest.raises(ConfigurationError, match="a name that every migration and worker"):
        Embedding("title", model=HashEncoder())
    wrong: list[Any] = [{"index": "btree"}, {"chunker": "pages"}, {"storage": "bit"}]
    for fields in wrong:
        with pytest.raises(ConfigurationError):
            Embedding("title", model=MODEL, **fields)
    with pytest.raises(TypeError, match="metric"):
        Embedding("title", model=MODEL, metric="l2")  # type: ignore[call-arg]
    table = sa.Table("t", sa.MetaData(), sa.Column("id", sa.Text, primary_key=True))
    with pytest.raises(ConfigurationError, match="laid out by 'lang'"):
        declare(table, Embedding("id", model=MODEL, partition_by="lang"))
    declare(table, Embedding("id", model=MODEL))
    declare(table, Embedding("id", model=MODEL))
    with pytest.raises(ConfigurationError, match="Two embeddings of t are named 't'"):
        declare(table, Embedding("id", model=MODEL, storage="int8"))


def test_only_what_is_mapped_to_a_table_has_a_collection() -> None:
    class Plain:
        embedding = Embedding("title", model=MODEL)

    with pytest.raises(ConfigurationError, match="Plain is mapped to no table"):
        _ = Plain.embedding

    class Report(Base):
        __table__ = sa.select(Article.id, Article.title).subquery()
        embedding = Embedding("title", model=MODEL)

    with pytest.raises(ConfigurationError, match="Report is mapped to no table"):
        _ = Report.embedding
    assert repr(Article.embedding) == f"<EmbeddingAttribute 'articles' of {Article!r}>"
