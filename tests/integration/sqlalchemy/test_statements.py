"""Embeddings in statements of every kind, each answer compared with all distances."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.exc import InvalidRequestError
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, aliased, mapped_column

import embeddb
from embeddb.errors import ConfigurationError
from embeddb.sqlalchemy import Embedding
from tests.support.attaching import drain
from tests.support.encoders import HashEncoder
from tests.support.postgres import rows

MODEL = "python:tests.support.encoders:encode"
COUNT = 200
QUERY = "word17 word3"
NEAR = 0.6


class Base(DeclarativeBase):
    """Models of a journal."""


class Post(Base):
    __tablename__ = "posts"
    id: Mapped[int] = mapped_column(primary_key=True)
    body: Mapped[str]
    year: Mapped[int]
    rank: Mapped[float | None] = mapped_column(sa.Double)
    embedding = Embedding("body", model=MODEL, chunker="none")


class Copy(Base):
    __tablename__ = "copies"
    id: Mapped[int] = mapped_column(primary_key=True)
    post_id: Mapped[int]
    far: Mapped[float | None] = mapped_column(sa.Double)


DISTANCE = Post.embedding.distance(QUERY)
NEAREST = Post.embedding.nearest(QUERY)


def _body(number: int) -> str:
    return f"word{number % 50} word{number % 7} word{number}"


def _distances(query: str) -> dict[int, float]:
    encoder = HashEncoder()
    vectors = encoder.encode([_body(number) for number in range(1, COUNT + 1)])
    far = 1 - vectors @ encoder.encode([query], "query")[0]
    return dict(zip(range(1, COUNT + 1), far.tolist(), strict=True))


FAR = _distances(QUERY)
BEST = sorted(FAR, key=lambda number: FAR[number])
CLOSE = {number for number in FAR if FAR[number] < NEAR}
FAR_OF_CLOSE = {number: FAR[number] for number in CLOSE}
BEST_OF_YEAR = {2000 + year: next(one for one in BEST if one % 10 == year) for year in range(10)}


@pytest.fixture(autouse=True)
def _models_of_tests(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EMBEDDB_PYTHON_MODELS", "tests.support.encoders")


@pytest.fixture(scope="module")
def journal(
    server_url: str, template: str, request: pytest.FixtureRequest
) -> Iterator[tuple[str, sa.Engine]]:
    """A journal that is embedded; tests roll back what they do to it."""
    from tests.conftest import _database

    with _database(server_url, template) as url:
        engine = sa.create_engine(url.replace("postgresql:", "postgresql+psycopg:"))
        Base.metadata.create_all(engine)
        with Session(engine) as session:
            session.add_all(
                Post(id=number, body=_body(number), year=2000 + number % 10) for number in FAR
            )
            session.add_all(Copy(id=number, post_id=number) for number in FAR)
            session.commit()
        with embeddb.connect(url) as store:
            posts = store.attach("posts", text="body", model=HashEncoder(), chunker="none")
            drain(store, posts)
            posts.create_index()
        yield url, engine
        engine.dispose()


@pytest.fixture
def session(journal: tuple[str, sa.Engine], monkeypatch: pytest.MonkeyPatch) -> Iterator[Session]:
    monkeypatch.setattr("embeddb.sqlalchemy.catalog._encoder", lambda name: HashEncoder())
    with journal[1].connect() as connection, connection.begin() as transaction:
        with Session(connection, join_transaction_mode="create_savepoint") as session:
            yield session
        transaction.rollback()


def _changed(session: Session) -> set[int]:
    return set(session.scalars(sa.select(Post.id).where(Post.year == 1)))


def _pairs(result: Any) -> dict[int, Any]:  # noqa: ANN401  # of rows of two
    return {row[0]: row[1] for row in result}


# UPDATE and DELETE

TABLE: Any = Post.__table__
CHANGES: dict[str, sa.Update] = {
    "a condition": sa.update(Post).where(DISTANCE < NEAR).values(year=1),
    "of the table": sa.update(TABLE).where(DISTANCE < NEAR).values(year=1),
    "of ids": sa.update(Post)
    .where(Post.id.in_(sa.select(Post.id).where(DISTANCE < NEAR)))
    .values(year=1),
    "of another table": sa.update(Post)
    .where(Copy.post_id == Post.id, DISTANCE < NEAR)
    .values(year=1),
    "a subquery": sa.update(Post)
    .where(sa.exists().where(Copy.post_id == Post.id, DISTANCE < NEAR))
    .values(year=1),
    "in order": sa.update(Post).where(DISTANCE < NEAR).ordered_values((Post.year, 1)),
}


@pytest.mark.parametrize("synchronize", ["auto", "fetch", False])
@pytest.mark.parametrize("name", CHANGES)
def test_updates_change_the_rows_that_are_near(
    session: Session, name: str, synchronize: str | bool
) -> None:
    posts = session.scalars(sa.select(Post)).all()
    session.execute(CHANGES[name], execution_options={"synchronize_session": synchronize})
    assert _changed(session) == CLOSE
    if synchronize and name != "of the table":
        assert {post.id for post in posts if post.year == 1} == CLOSE


def test_an_alias_is_a_row_of_its_own(session: Session) -> None:
    other = aliased(Post)
    next_one = sa.update(Post).where(
        Post.id == other.id + 1, other.embedding.distance(QUERY) < NEAR
    )
    session.execute(next_one.values(year=1), execution_options={"synchronize_session": False})
    assert _changed(session) == {number + 1 for number in CLOSE if number < COUNT}
    table: Any = Post.__table__
    from embeddb.sqlalchemy.attribute import EmbeddingAttribute
    from embeddb.sqlalchemy.expression import EmbeddedTable

    one, two = table.alias(), table.alias()
    embedded = EmbeddedTable(schema=None, name="posts", names_collection=True)
    attribute = EmbeddingAttribute("posts", embedded, table)
    far = [attribute.of(alias).distance(QUERY) for alias in (one, two)]
    rows = session.execute(
        sa.select(one.c.id, two.c.id, *far).where(two.c.id == one.c.id + 1, one.c.id < 9)
    )
    assert all(row[2:] == pytest.approx((FAR[row[0]], FAR[row[1]]), abs=1e-6) for row in rows.all())


def test_distances_are_set_and_returned(session: Session) -> None:
    session.execute(sa.update(Post).values(rank=DISTANCE))
    found = _pairs(session.execute(sa.select(Post.id, Post.rank)))
    assert found == pytest.approx(FAR, abs=1e-6)
    few = sa.update(Post).where(Post.id < 5).values(year=1).returning(Post.id, DISTANCE)
    wanted = {number: FAR[number] for number in range(1, 5)}
    assert _pairs(session.execute(few)) == pytest.approx(wanted, abs=1e-6)
    entities = sa.update(Post).where(DISTANCE < NEAR).values(year=2).returning(Post)
    assert {post.id for post in session.scalars(entities)} == CLOSE


def test_each_row_of_several_is_set_by_its_own_query(session: Session) -> None:
    table: Any = Post.__table__
    far = Post.embedding.distance(sa.bindparam("query"))
    statement = sa.update(table).where(table.c.id == sa.bindparam("one")).values(rank=far)
    values = [{"one": 1, "query": QUERY}, {"one": 2, "query": "word9"}]
    session.connection().execute(statement, values)
    found = _pairs(session.execute(sa.select(Post.id, Post.rank).where(Post.id < 3)))
    assert found == pytest.approx({1: FAR[1], 2: _distances("word9")[2]}, abs=1e-6)


def test_deletes_remove_the_rows_that_are_near(session: Session) -> None:
    gone = session.execute(sa.delete(Post).where(DISTANCE < NEAR).returning(Post.id, DISTANCE))
    assert _pairs(gone) == pytest.approx(FAR_OF_CLOSE, abs=1e-6)
    assert set(session.scalars(sa.select(Post.id))) == FAR.keys() - CLOSE
    others = sa.delete(Copy).where(Copy.post_id == Post.id, DISTANCE > 1)
    session.execute(others, execution_options={"synchronize_session": False})
    left = set(session.scalars(sa.select(Copy.post_id)))
    assert left == {number for number in FAR if number in CLOSE or FAR[number] <= 1}


def test_changes_in_a_cte(session: Session) -> None:
    changed = sa.update(Post).where(DISTANCE < NEAR).values(year=1).returning(Post.id)
    assert set(session.scalars(sa.select(changed.cte().c.id))) == CLOSE
    gone = sa.delete(Post).where(DISTANCE < NEAR).returning(Post.id, DISTANCE.label("far"))
    found = gone.cte()
    rows = session.execute(sa.select(found.c.id, found.c.far))
    assert _pairs(rows) == pytest.approx(FAR_OF_CLOSE, abs=1e-6)


def test_queries_of_the_older_way(session: Session) -> None:
    assert session.query(Post).filter(DISTANCE < NEAR).count() == len(CLOSE)
    session.query(Post).filter(DISTANCE < NEAR).update({"year": 1}, synchronize_session="fetch")
    assert _changed(session) == CLOSE
    session.query(Post).filter(DISTANCE < NEAR).delete()
    assert set(session.scalars(sa.select(Post.id))) == FAR.keys() - CLOSE


def test_what_cannot_be_changed_says_what_to_write(session: Session) -> None:
    with pytest.raises(InvalidRequestError, match="Specify 'fetch' or False"):
        session.execute(
            sa.update(Post).where(DISTANCE < NEAR).values(year=1),
            execution_options={"synchronize_session": "evaluate"},
        )
    for statement in (
        sa.update(Copy).values(far=DISTANCE),
        sa.update(Copy).where(DISTANCE < NEAR).values(far=1),
        sa.delete(Copy).where(DISTANCE < NEAR),
    ):
        with pytest.raises(ConfigurationError, match="add the condition"):
            session.execute(statement, execution_options={"synchronize_session": False})
    insert = upsert(Copy).values(id=1, post_id=1)
    of_post = sa.select(DISTANCE).where(Post.id == 1).scalar_subquery()
    for wrong in (
        sa.insert(Copy).values(post_id=1).returning(DISTANCE),
        insert.on_conflict_do_update(index_elements=["id"], set_={"far": of_post}),
        insert.on_conflict_do_update(index_elements=["id"], set_={"far": 1}, where=of_post < 1),
    ):
        with pytest.raises(ConfigurationError, match="from_select"):
            session.execute(wrong)


# INSERT


def test_inserts_take_what_a_select_finds(session: Session) -> None:
    names = ["id", "post_id", "far"]
    some = sa.select(Post.id + 1000, Post.id, DISTANCE).where(DISTANCE < NEAR)
    session.execute(sa.insert(Copy).from_select(names, some))
    new = sa.select(Copy.post_id, Copy.far).where(Copy.far.is_not(None))
    assert _pairs(session.execute(new)) == pytest.approx(FAR_OF_CLOSE, abs=1e-6)
    nearest = sa.select(Post.id + 2000, Post.id, NEAREST).order_by(NEAREST).limit(3)
    session.execute(sa.insert(Copy).from_select(names, nearest))
    assert set(session.scalars(sa.select(Copy.post_id).where(Copy.id > 2000))) == set(BEST[:3])
    again = upsert(Copy).from_select(names, sa.select(Post.id, Post.id, DISTANCE))
    session.execute(
        again.on_conflict_do_update(index_elements=["id"], set_={"far": again.excluded.far})
    )
    kept = sa.select(Copy.post_id, Copy.far).where(Copy.id <= COUNT)
    assert _pairs(session.execute(kept)) == pytest.approx(FAR, abs=1e-6)
    one = sa.select(DISTANCE).where(Post.id == 5).scalar_subquery()
    session.execute(sa.insert(Copy).values(id=3000, post_id=5, far=one))
    found = session.scalar(sa.select(Copy.far).where(Copy.id == 3000))
    assert found == pytest.approx(FAR[5], abs=1e-6)


# DISTINCT and GROUP BY


def test_distinct_rows(session: Session) -> None:
    years = sa.select(Post.year).where(DISTANCE < NEAR).distinct()
    assert set(session.scalars(years)) == {2000 + number % 10 for number in CLOSE}
    for columns in ((Post.id,), (Post,), (Post.year,)):
        found = sa.select(*columns, NEAREST.label("far")).distinct().order_by(NEAREST).limit(5)
        far = [row[-1] for row in session.execute(found)]
        assert far == pytest.approx([FAR[number] for number in BEST[:5]], abs=1e-6)
    # a post is joined to many copies, and still five posts come
    joined = sa.select(Post.id, NEAREST.label("far")).join(Copy, Copy.id > Post.id - 9).distinct()
    assert [row.id for row in session.execute(joined.order_by(NEAREST).limit(5))] == BEST[:5]


@pytest.mark.parametrize("columns", [(Post,), (Post.id,), (Post.year,)])
def test_distinct_needs_what_it_is_ordered_by(session: Session, columns: tuple[Any]) -> None:
    with pytest.raises(ConfigurationError, match="label\\('distance'\\)"):
        session.execute(sa.select(*columns).distinct().order_by(NEAREST).limit(5))


@pytest.mark.filterwarnings("ignore:.*DISTINCT ON clause is deprecated")
def test_distinct_on_keeps_the_nearest_of_each(session: Session) -> None:
    ordered = sa.select(Post.year, Post.id).order_by(Post.year, NEAREST)
    ways: list[Callable[..., sa.Select[Any]]] = [
        lambda statement, *by: statement.distinct(*by),
    ]
    if hasattr(ordered, "ext"):  # SQLAlchemy 2.1
        from sqlalchemy.dialects.postgresql import distinct_on

        ways.append(lambda statement, *by: statement.ext(distinct_on(*by)))
    for distinct in ways:
        assert _pairs(session.execute(distinct(ordered, Post.year))) == BEST_OF_YEAR
        by_distance = sa.select(Post.id).order_by(DISTANCE).limit(5)
        assert session.scalars(distinct(by_distance, DISTANCE)).all() == BEST[:5]


def test_groups(session: Session) -> None:
    nearest = sa.func.min(DISTANCE)
    groups = sa.select(Post.year, nearest).group_by(Post.year)
    wanted = {year: FAR[number] for year, number in BEST_OF_YEAR.items()}
    assert _pairs(session.execute(groups)) == pytest.approx(wanted, abs=1e-6)
    first = session.execute(groups.order_by(nearest).limit(2)).all()
    assert [row.year for row in first] == sorted(wanted, key=lambda year: wanted[year])[:2]
    some = session.scalars(sa.select(Post.year).group_by(Post.year).having(nearest < NEAR))
    assert set(some) == {year for year, far in wanted.items() if far < NEAR}
    by_distance = sa.select(DISTANCE, sa.func.count()).group_by(DISTANCE).order_by(DISTANCE)
    rows = session.execute(by_distance).all()
    assert rows[0][0] == pytest.approx(FAR[BEST[0]], abs=1e-6)
    assert sum(row[1] for row in rows) == COUNT
    keys = sa.select(Post.id).group_by(Post.id).order_by(NEAREST).limit(3)
    assert session.scalars(keys).all() == BEST[:3]


# locks


@pytest.mark.parametrize(
    "lock",
    [{}, {"of": Post}, {"nowait": True}, {"read": True, "key_share": True}, {"skip_locked": True}],
)
def test_nearest_rows_are_locked(
    session: Session, journal: tuple[str, sa.Engine], lock: dict[str, Any]
) -> None:
    nearest = sa.select(Post).order_by(NEAREST).limit(4).with_for_update(**lock)
    assert [post.id for post in session.scalars(nearest)] == BEST[:4]
    free = sa.select(Post.id).with_for_update(skip_locked=True)
    with journal[1].connect() as other:
        assert set(other.scalars(free)) == FAR.keys() - set(BEST[:4])


def test_as_many_rows_come_as_are_free(session: Session, journal: tuple[str, sa.Engine]) -> None:
    taken = sa.select(Post.id).where(Post.id.in_(BEST[:3])).with_for_update()
    with journal[1].connect() as other:
        other.execute(taken)
        nearest = sa.select(Post).order_by(NEAREST).limit(4).with_for_update(skip_locked=True)
        assert [post.id for post in session.scalars(nearest)] == BEST[3:7]


# subqueries


def test_sets_and_ctes(session: Session) -> None:
    first = sa.select(Post.id, DISTANCE.label("far")).order_by(NEAREST).limit(3)
    last = sa.select(Post.id, DISTANCE.label("far")).order_by(DISTANCE.desc()).limit(3)
    for both in (sa.union(first, last), sa.union_all(first, last)):
        rows = session.execute(both.order_by("far")).all()
        assert [row.id for row in rows] == BEST[:3] + BEST[-3:]
    beyond = sa.select(Post.id).except_(sa.select(Post.id).where(DISTANCE < NEAR))
    assert set(session.scalars(beyond)) == FAR.keys() - CLOSE
    found = first.cte("found")
    joined = sa.select(Post.id).join(found, found.c.id == Post.id).order_by(found.c.far)
    assert session.scalars(joined).all() == BEST[:3]
    entities = sa.select(Post).from_statement(sa.select(Post).order_by(NEAREST).limit(3))
    assert [post.id for post in session.scalars(entities)] == BEST[:3]


def test_subqueries_read_the_row_around_them(session: Session) -> None:
    other = aliased(Post)
    inner = sa.select(other.id).where(other.year == Post.year)
    nearest = inner.order_by(other.embedding.nearest(QUERY)).limit(1)
    wanted = {number: BEST_OF_YEAR[2000 + number % 10] for number in FAR}
    assert _pairs(session.execute(sa.select(Post.id, nearest.scalar_subquery()))) == wanted
    years = sa.select(Post.year).distinct().subquery()
    of_year = (
        sa.select(other.id)
        .where(other.year == years.c.year)
        .order_by(other.embedding.nearest(QUERY))
        .limit(1)
        .lateral()
    )
    rows = session.execute(sa.select(years.c.year, of_year.c.id).join(of_year, sa.true()))
    assert _pairs(rows) == BEST_OF_YEAR
    copied = sa.select(Copy.id).where(Copy.post_id == Post.id, DISTANCE < NEAR).exists()
    assert set(session.scalars(sa.select(Post.id).where(copied))) == CLOSE
    second = aliased(Copy)
    deeper = sa.exists().where(second.id == Copy.id, DISTANCE < 1)
    deep = sa.select(Post.id).where(sa.exists().where(Copy.post_id == Post.id, deeper))
    assert set(session.scalars(deep)) == {number for number in FAR if FAR[number] < 1}


def test_expressions(session: Session) -> None:
    kind = sa.case((DISTANCE < NEAR, "near"), else_="far")
    rows = _pairs(session.execute(sa.select(Post.id, kind)))
    assert {number for number, name in rows.items() if name == "near"} == CLOSE
    place = sa.func.row_number().over(order_by=DISTANCE)
    places = _pairs(session.execute(sa.select(place, Post.id)))
    assert [places[number] for number in range(1, 6)] == BEST[:5]


def test_async_sessions_change_rows(
    journal: tuple[str, sa.Engine], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("embeddb.sqlalchemy.catalog._encoder", lambda name: HashEncoder())

    async def change(driver: str) -> set[int]:
        engine = create_async_engine(journal[0].replace("postgresql:", f"postgresql+{driver}:"))
        async with AsyncSession(engine) as session:
            changed = sa.update(Post).where(DISTANCE < NEAR).values(year=1).returning(Post.id)
            found = set(await session.scalars(changed))
            locked = sa.select(Post.id).order_by(NEAREST).limit(4).with_for_update()
            assert list(await session.scalars(locked)) == BEST[:4]
            distinct = sa.select(Post.year, NEAREST).distinct().order_by(NEAREST).limit(1)
            assert (await session.execute(distinct)).one()[0] == 1
            await session.rollback()
        await engine.dispose()
        return found

    for driver in ("psycopg", "asyncpg"):
        assert asyncio.run(change(driver)) == CLOSE


@pytest.mark.parametrize("storage", ["vector", "halfvec", "int8", "bit"])
def test_pgvector_need_not_be_on_the_search_path(
    empty_database: str, monkeypatch: pytest.MonkeyPatch, storage: str
) -> None:
    monkeypatch.setattr("embeddb.sqlalchemy.catalog._encoder", lambda name: HashEncoder())
    rows(empty_database, "DROP EXTENSION IF EXISTS vector")
    rows(empty_database, 'CREATE SCHEMA "the extensions"')
    rows(empty_database, 'CREATE EXTENSION vector SCHEMA "the extensions"')
    embeddb.migrate(empty_database)
    engine = sa.create_engine(empty_database.replace("postgresql:", "postgresql+psycopg:"))
    Base.metadata.create_all(engine)
    with Session(engine) as session:
        session.add_all(Post(id=number, body=_body(number), year=1) for number in (3, 17, 40))
        session.commit()
    with embeddb.connect(empty_database) as store:
        posts = store.attach(
            "posts",
            text="body",
            model=HashEncoder(),
            storage=storage,
            distance="hamming" if storage == "bit" else "cosine",
            metadata=["year"],
        )
        drain(store, posts)
        posts.create_index()
        assert posts.search(_body(17), 1, filter={"year": 1})[0].id == "17"
        assert posts.similar("17", 1)
    with Session(engine) as session:
        session.execute(sa.text("SET LOCAL search_path = public"))
        found = Post.embedding.search(_body(17), limit=1, filter={"year": 1})
        joined = sa.select(Post.id).join(found, found.c.id == Post.id)
        assert session.scalars(joined).all() == [17]
        near = Post.embedding.nearest(_body(17))
        assert session.scalars(sa.select(Post.id).order_by(near).limit(1)).all() == [17]
        assert session.scalars(sa.update(Post).where(near < 0.01).values(year=2).returning(Post.id))
        similar = "SELECT id FROM embeddb.posts_similar(17, 1)"
        assert len(session.execute(sa.text(similar)).all()) == 1
    engine.dispose()
