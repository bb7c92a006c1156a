"""Operations on collections by every driver that env.py may use."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.operations import Operations
from alembic.util import CommandError
from psycopg.errors import UndefinedTable

import embeddb
from embeddb import HNSW
from embeddb.db.borrowed import borrow
from embeddb.errors import CollectionNotFoundError, ExpressionError, TableNotFoundError
from tests.integration.alembic.test_collection_operations import MODEL
from tests.integration.alembic.test_embeddings import models
from tests.support.attaching import articles
from tests.support.drivers import DRIVERS, with_connection

Step = Callable[[Any], object]


@pytest.fixture(autouse=True)
def _models_of_tests(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EMBEDDB_PYTHON_MODELS", "tests.support.encoders")


def migrate(database: str, driver: str, *steps: Step) -> None:
    """Take steps of a migration, in one transaction."""

    def run(connection: sa.Connection) -> None:
        context = MigrationContext.configure(connection)
        with context.begin_transaction():
            for step in steps:
                step(Operations(context))

    with_connection(database, driver, run)


def names(database: str) -> list[str]:
    with embeddb.connect(database) as store:
        return [collection.name for collection in store.collections()]


def attach(op: Any) -> None:  # noqa: ANN401
    op.attach_collection(
        "news",
        "articles",
        text="title || ' 100% a:b $1 {x}'",
        metadata=["views", "status"],
        where="status = 'live'",
        model=MODEL,
        index=None,
        partition_by="status",
    )


@pytest.mark.parametrize("driver", DRIVERS)
def test_every_operation(driver: str, database: str) -> None:
    articles(database, 3)
    migrate(database, driver, attach)
    by_driver = source(database)
    migrate(database, driver, lambda op: op.detach_collection("news", "articles"))
    assert names(database) == []
    migrate(database, "psycopg", attach)
    assert by_driver == source(database)
    migrate(
        database,
        driver,
        lambda op: op.alter_collection("news", "articles", text=["title", "body"], where=None),
        lambda op: op.unfollow_collection("news", "articles"),
        lambda op: op.alter_column("articles", "title", type_=sa.String(500)),
        lambda op: op.follow_collection("news", "articles"),
        lambda op: op.create_collection("notes", model=None, dim=3),
        lambda op: op.create_collection("notes", model=None, dim=3, exist_ok=True),
        lambda op: op.add_column("articles", sa.Column("v", sa.Text)),
    )
    found = source(database)
    assert (found.text, found.where) == (("title", "body"), None)
    assert found.types["title"] == "character varying(500)"
    assert names(database) == ["news", "notes"]
    migrate(
        database,
        driver,
        lambda op: op.alter_collection("news", "articles", storage="halfvec", index=HNSW(m=8)),
        lambda op: op.drop_collection("notes"),
    )
    with embeddb.connect(database) as store:
        generation = store.collection("news").record.generation
    assert (generation.storage.label, generation.index) == ("halfvec", HNSW(m=8))
    assert names(database) == ["news"]
    migrate(database, driver, lambda op: op.detach_collection("news", "articles"))
    assert names(database) == []


def source(database: str) -> Any:  # noqa: ANN401
    with embeddb.connect(database) as store:
        return store.collection("news").record.source


@pytest.mark.parametrize("driver", DRIVERS)
def test_what_fails_says_why_and_leaves_the_transaction_usable(driver: str, database: str) -> None:
    articles(database, 3)

    def refused(op: Any) -> None:  # noqa: ANN401
        options: dict[str, Any] = {"model": MODEL, "index": None}
        with pytest.raises(TableNotFoundError, match=r"Is it public\.articles"):
            op.attach_collection("news", "article", text=["title"], **options)
        with pytest.raises(ExpressionError, match='column "titel" does not exist'):
            op.attach_collection("news", "articles", text="titel || ''", **options)
        with pytest.raises(ExpressionError, match="is of type integer, not text"):
            op.attach_collection("news", "articles", text="views + 0", **options)
        with pytest.raises(CollectionNotFoundError):
            op.detach_collection("news", "articles")

    migrate(database, driver, refused, attach)
    assert names(database) == ["news"]


@pytest.mark.parametrize("driver", DRIVERS)
def test_nothing_is_there_where_the_migration_fails(driver: str, database: str) -> None:
    articles(database, 3)
    with pytest.raises(ZeroDivisionError):
        migrate(database, driver, attach, lambda op: 1 / 0)
    assert names(database) == []


@pytest.mark.parametrize("driver", DRIVERS)
def test_autogenerate_reads_the_catalog(driver: str, database: str) -> None:
    articles(database, 3)
    migrate(database, driver, attach)
    metadata = models(None)

    def compare(connection: sa.Connection) -> None:
        found = compare_metadata(MigrationContext.configure(connection), metadata)
        assert ("remove_embedding", "news") in found

    with_connection(database, driver, compare)


@pytest.mark.parametrize("driver", DRIVERS)
def test_vector_indexes(driver: str, database: str) -> None:
    new, old = {"m": 8}, {"m": 16}
    migrate(
        database,
        driver,
        lambda op: op.execute("CREATE TABLE items (id int PRIMARY KEY, embedding vector(3))"),
        lambda op: op.create_vector_index(
            "near", "items", "embedding", opclass="vector_l2_ops", method="hnsw", with_=new
        ),
        lambda op: op.alter_vector_index(
            "near", "items", "embedding", opclass="vector_l2_ops", method="hnsw", with_=old
        ),
    )
    written = "SELECT pg_get_indexdef('near'::regclass)"
    with_connection(
        database,
        driver,
        lambda connection: _same(connection.execute(sa.text(written)).scalar_one(), "m='16'"),
    )
    migrate(database, driver, lambda op: op.drop_vector_index("near", "items"))


def _same(text: str, part: str) -> None:
    assert part in text


VALUES = """SELECT 1::smallint, 2::bigint, 1.5::numeric, 'a'::text, 'b'::name, 'c'::"char", true,
    NULL::text, ARRAY['x', NULL, 'y']::text[], ARRAY[1, 2], '{"a": [1, null]}'::jsonb, '[1]'::json,
    '\\x00ff'::bytea, '9f1c1f0a-0000-0000-0000-000000000001'::uuid,
    5::oid, 'pg_class'::regclass::text, '2026-01-02'::date, '2026-01-02 03:04:05'::timestamp,
    '2026-01-02 03:04:05+00'::timestamptz,
    1.25::float8, '100% $1 :a'"""


@pytest.mark.parametrize("driver", DRIVERS)
def test_values_are_those_of_psycopg(driver: str, database: str) -> None:
    found: dict[str, Any] = {}

    def ask(name: str) -> Callable[[sa.Connection], None]:
        def run(connection: sa.Connection) -> None:
            cursor = borrow(connection).execute(VALUES.replace("%", "%%").encode(), {})
            described = [column.type_code for column in cursor.description or ()]
            found[name] = (cursor.fetchall(), described)

        return run

    with_connection(database, "psycopg", ask("psycopg"))
    with_connection(database, driver, ask(driver))
    assert found[driver] == found["psycopg"]


@pytest.mark.parametrize("driver", DRIVERS)
def test_errors_are_those_of_psycopg(driver: str, database: str) -> None:
    def run(connection: sa.Connection) -> None:
        lent = borrow(connection)
        with pytest.raises(UndefinedTable) as raised, lent.transaction():
            lent.execute(b"SELECT FROM nothing; SELECT 1")
        assert raised.value.sqlstate == "42P01"
        assert raised.value.diag.message_primary == 'relation "nothing" does not exist'
        assert 'relation "nothing" does not exist' in str(raised.value)
        with pytest.raises(Exception, match="mine") as own, lent.transaction():
            lent.execute(b"DO $$ BEGIN RAISE 'mine' USING ERRCODE = 'ED001', HINT = 'so'; END $$")
        assert getattr(own.value, "sqlstate", None) == "ED001"
        assert own.value.diag.message_hint == "so"  # type: ignore[attr-defined]
        assert lent.execute(b"SELECT 1", {}).fetchone() == (1,)

    with_connection(database, driver, run)


def test_another_driver_is_refused_with_the_remedy(database: str) -> None:
    engine = sa.create_engine("sqlite://")
    with engine.connect() as connection:
        context = MigrationContext.configure(connection)
        with pytest.raises(CommandError, match=r"psycopg, psycopg2 and asyncpg"):
            Operations(context).create_collection("notes", model=None, dim=3)  # type: ignore[attr-defined]
    engine.dispose()
