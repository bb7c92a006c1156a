"""embeddb's own schema, brought up by a revision of the application's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa
from alembic.migration import MigrationContext
from alembic.operations import Operations

import embeddb
from embeddb.db.migrate import head
from embeddb.errors import MigrationError, PermissionDeniedError
from embeddb.sqlalchemy import Embedding
from tests.integration.alembic.test_collection_operations import MODEL, offline
from tests.integration.alembic.test_embeddings import collections, models
from tests.support.alembic_application import Application, body
from tests.support.attaching import articles
from tests.support.drivers import DRIVERS, with_connection
from tests.support.postgres import catalog, one, role


@pytest.fixture(autouse=True)
def _models_of_tests(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EMBEDDB_PYTHON_MODELS", "tests.support.encoders")


def run(database: str, driver: str, step: Any) -> None:  # noqa: ANN401
    def migrate(connection: sa.Connection) -> None:
        context = MigrationContext.configure(connection)
        with context.begin_transaction():
            step(Operations(context))

    with_connection(database, driver, migrate)


def attach(op: Any) -> None:  # noqa: ANN401
    op.attach_collection("news", "articles", text=["title"], model=MODEL, index=None)


@pytest.mark.parametrize("driver", DRIVERS)
def test_an_empty_database_gets_everything(driver: str, empty_database: str, database: str) -> None:
    articles(empty_database, 3)

    def bring_up(op: Any) -> None:  # noqa: ANN401
        op.upgrade_embeddb()
        op.upgrade_embeddb()
        attach(op)

    run(empty_database, driver, bring_up)
    run(empty_database, driver, lambda op: op.upgrade_embeddb())
    with embeddb.connect(empty_database) as store:
        assert [collection.name for collection in store.collections()] == ["news"]
        store.detach("news")
    assert catalog(empty_database) == catalog(database)


@pytest.mark.parametrize("driver", DRIVERS)
def test_an_older_schema_is_brought_up_to_date(driver: str, empty_database: str) -> None:
    embeddb.migrate(empty_database, revision="0003")
    run(empty_database, driver, lambda op: op.upgrade_embeddb())
    version = "SELECT version_num FROM embeddb.alembic_version"
    assert one(empty_database, version) == head()


@pytest.mark.parametrize("driver", DRIVERS)
def test_all_of_it_is_taken_back_with_the_migration(driver: str, empty_database: str) -> None:
    def fail(op: Any) -> None:  # noqa: ANN401
        op.upgrade_embeddb()
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run(empty_database, driver, fail)
    assert one(empty_database, "SELECT to_regnamespace('embeddb') IS NULL") is True


def test_a_revision_brings_it_up_before_it_attaches(empty_database: str, tmp_path: Path) -> None:
    application = Application(tmp_path / "migrations", empty_database)
    application.metadata = models(Embedding("title", model=MODEL))
    text = body(application.revision())
    assert text.index("op.upgrade_embeddb()") < text.index("op.attach_collection(")
    application.upgrade()
    application.check()
    assert list(collections(application)) == ["articles"]
    application.downgrade()
    assert collections(application) == {}
    application.upgrade()
    application.check()
    application.engine.dispose()


def test_an_older_schema_is_a_difference(empty_database: str, tmp_path: Path) -> None:
    embeddb.migrate(empty_database, revision="0006")
    application = Application(tmp_path / "migrations", empty_database)
    application.metadata = models(None)
    application.migrate()
    application.metadata = models(Embedding("title", model=MODEL))
    assert "op.upgrade_embeddb()" in application.migrate()
    application.engine.dispose()


def test_a_script_of_it(empty_database: str, database: str) -> None:
    op, written = offline()
    op.upgrade_embeddb()
    script = "".join(written)
    assert "COMMIT;" not in script.splitlines()
    with psycopg.connect(empty_database) as connection:
        connection.execute(script.encode())
    assert catalog(empty_database) == catalog(database)


def test_a_role_that_may_not_is_told_what_to_ask_for(empty_database: str) -> None:
    with role(empty_database) as url, pytest.raises(PermissionDeniedError) as raised:
        given = psycopg.conninfo.conninfo_to_dict(url)
        other = sa.make_url(empty_database).set(
            username=str(given["user"]), password=str(given["password"])
        )
        run(other.render_as_string(False), "psycopg", lambda op: op.upgrade_embeddb())
    assert "CREATE EXTENSION vector" in str(raised.value)


def test_a_newer_schema_stays(database: str) -> None:
    with psycopg.connect(database) as connection:
        connection.execute("UPDATE embeddb.alembic_version SET version_num = '9999'")
    with pytest.raises(MigrationError, match="upgrade the package"):
        run(database, "psycopg", lambda op: op.upgrade_embeddb())
