"""Several applications in one database: autogenerate detaches what is its own, and says so."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic.migration import MigrationContext
from alembic.operations import Operations

import embeddb
from embeddb.errors import EmbeddingConflictError
from embeddb.sqlalchemy import Embedding, declare
from tests.support.alembic_application import Application, body

MODEL = "python:tests.support.encoders:encode"


@pytest.fixture(autouse=True)
def _models_of_tests(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EMBEDDB_PYTHON_MODELS", "tests.support.encoders")


@pytest.fixture
def other(database: str, tmp_path: Path) -> Iterator[Application]:
    """Another application in the same database, with a version table of its own."""
    other = Application(tmp_path / "other", database)
    other.options = {"version_table": "other_version", "include_object": known_only}
    yield other
    other.engine.dispose()


@pytest.fixture(autouse=True)
def _known_only(application: Application) -> None:
    application.options = {"include_object": known_only}


def known_only(
    item: Any,  # noqa: ANN401  # whatever Alembic compares
    name: str | None,
    kind: str,
    reflected: bool,
    there: object,
) -> bool:
    """The filter that Alembic's cookbook has for databases with tables of others."""
    return not (kind == "table" and reflected and there is None)


def models(
    table_name: str,
    schema: str | None = None,
    /,
    **embedding: Any,  # noqa: ANN401
) -> sa.MetaData:
    """Return the models of an application with one table; `embedding` are fields of its own."""
    metadata = sa.MetaData(schema=schema)
    columns = sa.Column("id", sa.Integer, primary_key=True), sa.Column("title", sa.Text)
    table = sa.Table(table_name, metadata, *columns)
    if embedding:
        declare(table, Embedding("title", **{"index": None, **embedding}))
    return metadata


def collections(application: Application) -> dict[str, str | None]:
    """Return the collections with their owners."""
    rows = application.run("SELECT name, source ->> 'owner' FROM embeddb.collections")
    return {row[0]: row[1] for row in rows}


def test_what_another_application_declares_stays(
    application: Application, other: Application
) -> None:
    application.metadata = models("posts", model=MODEL)
    application.migrate()
    other.metadata = models("notes", model=MODEL)
    script = other.migrate()
    assert "posts" not in script
    other.metadata = models("notes")
    script = body(other.migrate())
    assert script.count("op.detach_collection(") == 1
    application.check()
    assert collections(application) == {"posts": "public.alembic_version"}


def test_without_hooks_the_other_applications_collection_is_not_detached_either(
    application: Application, other: Application, caplog: pytest.LogCaptureFixture
) -> None:
    application.metadata = models("posts", model=MODEL)
    application.migrate()
    other.options = {"version_table": "other_version"}
    other.metadata = models("notes", model=MODEL)
    with caplog.at_level(logging.WARNING, "embeddb.alembic"):
        script = body(other.revision())
    assert "op.drop_table('posts')" in script  # as Alembic has it without a filter
    assert "op.detach_collection(" not in script
    assert "'posts' of another owner" in caplog.text


@pytest.mark.parametrize("table", ["posts", "notes"])
def test_what_was_attached_by_hand_stays(
    application: Application, store: embeddb.Store, table: str
) -> None:
    """Whether its table is one of the models or not."""
    application.metadata = models("posts")
    application.migrate()
    application.run("CREATE TABLE notes (id integer PRIMARY KEY, title text)")
    store.attach(table, text="title", model=MODEL)
    application.check()
    assert collections(application) == {table: None}


def test_what_was_attached_before_owners_were_kept_is_the_metadatas_whose_table_it_is(
    application: Application, other: Application
) -> None:
    application.metadata = models("posts", model=MODEL)
    application.migrate()
    application.run("UPDATE embeddb.collections SET source = source - 'owner'")
    other.options = {"version_table": "other_version", "include_object": known_only}
    other.metadata = models("notes")
    other.migrate()
    application.check()
    application.metadata = models("posts")
    assert "op.detach_collection('posts', 'posts')" in body(application.migrate())
    assert collections(application) == {}


def test_an_owner_stays_when_the_collection_changes(
    application: Application, store: embeddb.Store
) -> None:
    application.metadata = models("posts", model=MODEL)
    application.migrate()
    application.metadata = models("posts", model=MODEL, metadata=["title"], storage="halfvec")
    assert "op.alter_collection(" in body(application.migrate())
    assert collections(application) == {"posts": "public.alembic_version"}
    store.attach("posts", text="title", model=MODEL, index=None, storage="halfvec", exist_ok=True)
    assert collections(application) == {"posts": "public.alembic_version"}


def test_a_script_keeps_the_owner_too(application: Application) -> None:
    application.metadata = models("posts", model=MODEL)
    application.options |= {"version_table_schema": None, "embeddb_owner": "shop"}
    application.revision()
    script = application.upgrade_sql()
    assert '"owner": "shop"' in script


@pytest.mark.parametrize(
    "hook",
    [
        {"include_name": lambda name, kind, parents: kind != "table" or name != "posts"},
        {"include_object": lambda item, name, *rest: name != "posts"},
        {"include_object": known_only},
    ],
    ids=["include_name", "include_object", "known_only"],
)
def test_what_hooks_leave_out_is_not_detached_with_its_table(
    application: Application, hook: dict[str, Any]
) -> None:
    application.metadata = models("posts", model=MODEL)
    application.migrate()
    application.metadata = sa.MetaData()
    application.options = hook
    application.check()
    application.options = {}
    script = body(application.migrate())
    assert script.index("op.detach_collection(") < script.index("op.drop_table(")


def test_a_hook_sees_the_reflected_table(application: Application) -> None:
    application.metadata = models("posts", model=MODEL)
    application.migrate()
    seen: list[tuple[Any, ...]] = []

    def hook(item: Any, name: str, kind: str, reflected: bool, there: Any) -> bool:  # noqa: ANN401
        if kind == "table" and name == "posts":
            seen.append((tuple(item.c.keys()), reflected, there is None))
        return True

    application.options = {"include_object": hook}
    application.metadata = sa.MetaData()
    application.revision()
    assert set(seen) == {(("id", "title"), True, True)}


def test_the_chain_may_have_a_name_of_its_own(application: Application) -> None:
    application.options |= {"embeddb_owner": "shop"}
    application.metadata = models("posts", model=MODEL)
    application.migrate()
    assert collections(application) == {"posts": "shop"}
    application.run("ALTER TABLE alembic_version RENAME TO version_of_shop")
    application.options |= {"version_table": "version_of_shop"}
    application.metadata = models("posts")
    assert "op.detach_collection(" in body(application.revision())


def test_the_revision_says_what_it_discards(
    application: Application, caplog: pytest.LogCaptureFixture
) -> None:
    application.metadata = models("posts", model=MODEL)
    application.migrate()
    application.run(
        "INSERT INTO embeddb.posts_g1 (id, chunk_no, content, span, content_hash, embedding) "
        "VALUES ('1', 0, 'a', int4range(0, 1), '', "
        "(SELECT array_fill(0.125::real, ARRAY[64])::vector))"
    )
    application.metadata = models("posts", model=MODEL, distance="l2")
    with caplog.at_level(logging.WARNING, "embeddb.alembic"):
        script = application.revision()
    up, down = script.split("def downgrade")
    lost = "the vectors of collection 'posts', 1 chunk."
    assert f"# This discards {lost}\n    # Another distance: its rows are encoded again." in up
    assert f"The revision detaches {lost} Another distance" in caplog.text
    assert "# This discards the vectors of collection 'posts'.\n    op.detach_collection(" in down
    application.upgrade()
    application.metadata = models("posts")
    assert "# No model declares it any more." in body(application.migrate())


def test_one_name_for_the_tables_of_two_schemas(application: Application) -> None:
    metadata = models("posts", model=MODEL)
    table = sa.Table(
        "posts",
        metadata,
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("title", sa.Text),
        schema="blog",
    )
    with pytest.raises(EmbeddingConflictError, match=r"posts and blog\.posts.*name='…'"):
        declare(table, Embedding("title", model=MODEL))
    declare(table, Embedding("title", model=MODEL, name="blog_posts"))
    application.run("CREATE SCHEMA blog")
    application.options |= {"include_schemas": True}
    application.metadata = metadata
    application.migrate()
    assert set(collections(application)) == {"posts", "blog_posts"}


def test_one_name_in_two_of_the_metadata_compared(application: Application) -> None:
    application.run("CREATE SCHEMA blog")
    application.options |= {"include_schemas": True}
    both: Any = [models("posts", model=MODEL), models("posts", "blog", model=MODEL)]
    application.metadata = both
    with pytest.raises(EmbeddingConflictError, match=r'"posts" and "blog"\."posts"'):
        application.revision()
    both[1] = models("posts", "blog", model=MODEL, name="blog_posts")
    application.migrate()
    assert set(collections(application)) == {"posts", "blog_posts"}


def test_a_name_that_another_application_has_taken(
    application: Application, other: Application
) -> None:
    application.run("CREATE SCHEMA blog")
    application.metadata = models("posts", model=MODEL)
    application.migrate()
    other.metadata = models("posts", "blog", model=MODEL)
    other.options |= {"include_schemas": True}
    with pytest.raises(EmbeddingConflictError, match=r"public\.alembic_version.*name='…'"):
        other.revision()
    # the same table by the same name, but otherwise
    other.metadata = models("posts", model=MODEL, distance="l2")
    with pytest.raises(EmbeddingConflictError, match=r"public\.posts is declared by"):
        other.revision()
    other.metadata = models("posts", model=MODEL, metadata=["title"])
    with pytest.raises(EmbeddingConflictError, match="embeddb_owner"):
        other.revision()
    other.metadata = models("posts", model=MODEL)
    other.check()


def test_a_collection_attached_by_hand_is_changed_and_not_replaced(
    application: Application, store: embeddb.Store
) -> None:
    application.metadata = models("posts")
    application.migrate()
    store.attach("posts", text="title", model=MODEL, index=None)
    application.metadata = models("posts", model=MODEL, distance="l2")
    with pytest.raises(EmbeddingConflictError, match="attached by hand"):
        application.revision()
    application.metadata = models("posts", model=MODEL, metadata=["title"])
    application.migrate()
    assert collections(application) == {"posts": "public.alembic_version"}


def test_a_collection_with_documents_of_its_own(
    application: Application, store: embeddb.Store
) -> None:
    store.create_collection("posts", model=MODEL)
    application.metadata = models("posts", model=MODEL)
    with pytest.raises(EmbeddingConflictError, match="documents of its own"):
        application.revision()


def test_the_collection_of_a_renamed_table_keeps_its_name(application: Application) -> None:
    application.metadata = models("posts", model=MODEL)
    application.migrate()
    with application.engine.begin() as connection:
        op: Any = Operations(MigrationContext.configure(connection))
        op.rename_table("posts", "stories")
        op.alter_collection("posts", "stories", text=["title"])
    application.metadata = models("stories", model=MODEL)
    application.check()
    application.metadata = models("stories", model=MODEL, metadata=["title"])
    assert "op.alter_collection('posts', 'stories'" in body(application.migrate())
    application.metadata = models("stories")
    assert "op.detach_collection('posts', 'stories')" in body(application.migrate())


def test_an_embedding_that_moves_to_another_table(application: Application) -> None:
    application.metadata = models("posts", model=MODEL, name="news")
    application.migrate()
    application.metadata = models("stories", model=MODEL, name="news")
    application.options = {}
    script = body(application.migrate())
    assert "# If the table was renamed, op.rename_table() in place of drop and create" in script
    assert script.index("op.detach_collection(") < script.index("op.attach_collection(")
