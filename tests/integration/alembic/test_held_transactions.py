"""Operations that leave the transaction, where env.py holds one open around the migrations."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa
from alembic.migration import MigrationContext
from alembic.operations import Operations
from alembic.util import CommandError

import embeddb
from embeddb import HNSW
from tests.integration.alembic.test_collection_operations import MODEL
from tests.support.attaching import articles, drain
from tests.support.drivers import DRIVERS, with_connection
from tests.support.postgres import one

Step = Callable[[Any], object]


@pytest.fixture(autouse=True)
def _models_of_tests(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EMBEDDB_PYTHON_MODELS", "tests.support.encoders")


def held(database: str, driver: str, *steps: Step, begins: bool = True) -> None:
    """Take steps of a migration in a transaction that is somebody else's."""

    def run(connection: sa.Connection) -> None:
        with connection.begin():
            context = MigrationContext.configure(connection)
            if not begins:
                for step in steps:
                    step(Operations(context))
                return
            with context.begin_transaction():
                for step in steps:
                    step(Operations(context))

    with_connection(database, driver, run)


def attach(op: Any) -> None:  # noqa: ANN401
    op.attach_collection(
        "news",
        "articles",
        text=["title"],
        metadata=["views"],
        title_column="title",
        model=MODEL,
        index=None,
    )


def alter(op: Any) -> None:  # noqa: ANN401
    op.alter_collection("news", "articles", storage="halfvec", index=HNSW(m=8))


def form(database: str) -> tuple[str, object]:
    with embeddb.connect(database) as store:
        generation = store.collection("news").record.generation
    return generation.storage.label, generation.index


@pytest.mark.parametrize("driver", DRIVERS)
@pytest.mark.parametrize("begins", [True, False])
def test_what_is_committed_is_built_on_another_connection(
    driver: str, begins: bool, database: str
) -> None:
    articles(database, 3)
    held(database, driver, attach, begins=begins)
    with embeddb.connect(database) as store:
        drain(store, store.collection("news"))
    held(database, driver, alter, begins=begins)
    assert form(database) == ("halfvec", HNSW(m=8))
    assert one(database, "SELECT count(*) FROM embeddb.news_chunks") == 3


@pytest.mark.parametrize("driver", DRIVERS)
def test_what_the_transaction_created_is_created_anew(driver: str, database: str) -> None:
    articles(database, 3)
    held(
        database,
        driver,
        attach,
        alter,
        lambda op: op.create_collection("notes", model=None, dim=3),
        lambda op: op.alter_collection("notes", "", storage="halfvec"),
    )
    assert form(database) == ("halfvec", HNSW(m=8))
    with embeddb.connect(database) as store:
        record = store.collection("news").record
        assert record.source is not None
        assert (record.source.text, record.source.metadata) == (("title",), ("views",))
        assert record.source.title_column == "title"
        assert record.source.owner == "public.alembic_version"
        assert store.collection("notes").record.generation.storage.label == "halfvec"


@pytest.mark.parametrize(
    "before",
    [
        lambda op: op.alter_collection("news", "articles", where="views > 0"),
        lambda op: op.execute("INSERT INTO articles (id) VALUES (99)"),
        lambda op: op.execute("LOCK TABLE articles IN ACCESS EXCLUSIVE MODE"),
        lambda op: op.execute("SELECT FROM embeddb.news_g1"),
        lambda op: op.execute("SELECT FROM embeddb.news_chunks"),
        lambda op: op.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"),
    ],
)
def test_what_would_wait_for_the_transaction_says_what_to_do(before: Step, database: str) -> None:
    articles(database, 3)
    held(database, "psycopg", attach)
    with pytest.raises(CommandError, match=r"news: .*engine\.connect\(\).*engine\.begin\(\)"):
        held(database, "psycopg", before, alter)
    assert form(database) == ("vector", None)


@pytest.mark.parametrize("driver", DRIVERS)
def test_a_vector_index_says_what_to_do(driver: str, database: str) -> None:
    def create(op: Any, **options: bool) -> None:  # noqa: ANN401
        op.create_vector_index(
            "near", "items", "embedding", opclass="vector_l2_ops", method="hnsw", **options
        )

    def refused(op: Any) -> None:  # noqa: ANN401
        op.execute("CREATE TABLE items (embedding vector(3))")
        for operation in (create, lambda op: op.drop_vector_index("near", "items")):
            with pytest.raises(CommandError, match="or pass concurrently=False"):
                operation(op)
        create(op, concurrently=False)

    held(database, driver, refused)


@pytest.mark.parametrize("driver", DRIVERS)
def test_in_autocommit_mode_nothing_is_held(driver: str, database: str) -> None:
    articles(database, 3)

    def run(connection: sa.Connection) -> None:
        connection = connection.execution_options(isolation_level="AUTOCOMMIT")
        with connection.begin():
            op: Any = Operations(MigrationContext.configure(connection))
            attach(op)
            alter(op)
            op.execute("CREATE TABLE items (embedding vector(3))")
            op.create_vector_index(
                "near", "items", "embedding", opclass="vector_l2_ops", method="hnsw"
            )

    with_connection(database, driver, run)
    assert form(database) == ("halfvec", HNSW(m=8))
