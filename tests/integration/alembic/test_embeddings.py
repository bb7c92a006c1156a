"""Embeddings of an application's models: generated, applied, checked, taken back."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest
import sqlalchemy as sa
from alembic.util import CommandError
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

import embeddb
from embeddb.sqlalchemy import Embedding, declare
from tests.support.alembic_application import Application, body

MODEL = "python:tests.support.encoders:encode"


@pytest.fixture(autouse=True)
def _models_of_tests(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EMBEDDB_PYTHON_MODELS", "tests.support.encoders")


def models(embedding: Embedding | None, *extra: sa.Column[Any], title: Any = None) -> sa.MetaData:  # noqa: ANN401
    """Models of articles, with an embedding or without."""

    class Base(DeclarativeBase):
        pass

    given: dict[str, Any] = {
        "__tablename__": "articles",
        "__annotations__": {"id": Mapped[int], "body": Mapped[str | None]},
        "id": mapped_column(sa.BigInteger, primary_key=True),
        "title": mapped_column(title or sa.Text, nullable=True),
        "body": mapped_column(sa.Text),
        "lang": mapped_column(sa.Text, nullable=True),
        **{column.name: column for column in extra},
    }
    if embedding is not None:
        given["embedding"] = embedding
    type("Article", (Base,), given)
    return Base.metadata


def collections(application: Application) -> dict[str, Any]:
    rows = application.run("SELECT name, source FROM embeddb.collections")
    return {row[0]: row[1] for row in rows}


def triggers(application: Application) -> list[str]:
    statement = "SELECT tgname FROM pg_trigger WHERE NOT tgisinternal ORDER BY tgname"
    return [row[0] for row in application.run(statement)]


def test_a_new_embedding(application: Application) -> None:
    application.metadata = models(None)
    application.migrate()
    application.metadata = models(
        Embedding("title", "body", model=MODEL, storage="halfvec", metadata=["lang"])
    )
    text = application.there_and_back()
    assert body(text).strip().splitlines()[1:-1] == [
        "    op.attach_collection(",
        "        'articles',",
        "        'articles',",
        "        text=['title', 'body'],",
        "        model='python:tests.support.encoders:encode',",
        "        metadata=['lang'],",
        "        storage='halfvec',",
        "        key=['id'],",
        "        types={'id': 'bigint', 'title': 'text', 'body': 'text', 'lang': 'text'},",
        "    )",
    ]
    assert "op.detach_collection('articles', 'articles')" in text
    assert collections(application)["articles"]["text"] == ["title", "body"]
    assert len(triggers(application)) == 4
    application.run("INSERT INTO articles (id, title) VALUES (1, 'tea')")
    assert application.run("SELECT key FROM embeddb.jobs") == [("1",)]
    application.downgrade()
    assert triggers(application) == []
    assert collections(application) == {}


def test_a_new_table_with_its_embedding(application: Application) -> None:
    application.metadata = models(
        Embedding(
            model=MODEL,
            expression="coalesce(title, '') || ': ' || coalesce(body, '')",
            where="lang <> 'xx'",
            index=embeddb.IVFFlat(lists=4),
            chunker="none",
            name="news",
        )
    )
    text = application.there_and_back()
    assert "import embeddb\n" in text
    assert "index=embeddb.IVFFlat(lists=4)," in text
    assert text.index("create_table") < text.index("attach_collection")
    assert collections(application)["news"]["where"] == "lang <> 'xx'"
    application.metadata = sa.MetaData()
    text = application.there_and_back()
    assert text.index("op.detach_collection('news'") < text.index("drop_table")


CHANGES: dict[str, tuple[dict[str, Any], tuple[str, ...], str]] = {
    "text": ({}, ("title", "body", "lang"), "text=['title', 'body', 'lang']"),
    "metadata": ({"metadata": ["lang"]}, ("title", "body"), "metadata=['lang']"),
    "where": ({"where": "lang = 'de'"}, ("title", "body"), "where=\"lang = 'de'\""),
    "storage": ({"storage": "halfvec"}, ("title", "body"), "storage='halfvec'"),
    "index": ({"index": embeddb.HNSW(m=8)}, ("title", "body"), "index=embeddb.HNSW(m=8)"),
    "no_index": ({"index": None}, ("title", "body"), "index=None"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_changed_embedding(application: Application, name: str) -> None:
    application.metadata = models(Embedding("title", "body", model=MODEL))
    application.migrate()
    options, text, code = CHANGES[name]
    application.metadata = models(Embedding(*text, model=MODEL, **options))
    assert application.differs()
    script = body(application.there_and_back())
    assert script.count("op.alter_collection(") == 1
    assert code in script


def test_an_embedding_that_is_cut_in_the_older_way_is_no_difference(
    application: Application,
) -> None:
    application.metadata = models(Embedding("title", model=MODEL))
    application.migrate()
    application.run("UPDATE embeddb.generations SET chunker = chunker - 'version' - 'context'")
    assert not application.differs()
    chosen = {"kind": "auto", "context": "headings"}
    application.metadata = models(Embedding("title", model=MODEL, chunker=chosen))
    assert application.differs()
    text = application.there_and_back()
    assert "chunker={'kind': 'auto', 'context': 'headings'}" in body(text)
    assert "chunker={'kind': 'auto', 'version': 1}" in text


def test_another_model_is_another_collection(
    application: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    application.metadata = models(Embedding("title", model=MODEL))
    application.migrate()
    application.metadata = models(Embedding("title", model=MODEL, distance="l2"))
    script = body(application.there_and_back())
    assert script.index("op.detach_collection(") < script.index("op.attach_collection(")


def test_a_layout_is_part_of_the_embedding(application: Application) -> None:
    whole: Any = {"model": MODEL, "metadata": ["lang"], "normalize": True}
    layout = embeddb.ListPartitions("lang", ("de", "en"))
    application.metadata = models(Embedding("title", **whole, layout=layout))
    script = application.there_and_back()
    assert "layout=embeddb.ListPartitions(field='lang', values=('de', 'en'))," in script
    assert "normalize=True," in script
    assert len(partitions(application)) == 3
    application.metadata = models(Embedding("title", **whole, partition_by="lang"))
    script = body(application.there_and_back())
    assert script.index("op.detach_collection(") < script.index("op.attach_collection(")
    assert len(partitions(application)) == 16
    # a conversion keeps the layout, and is what another storage takes
    application.metadata = models(
        Embedding("title", **whole, partition_by="lang", storage="halfvec")
    )
    assert "op.alter_collection(" in body(application.there_and_back())
    assert len(partitions(application)) == 16


def test_a_layout_that_no_model_declares_stays(application: Application) -> None:
    whole: Any = {"model": MODEL, "metadata": ["lang"]}
    application.metadata = models(Embedding("title", **whole, partition_by="lang"))
    application.there_and_back()
    assert len(partitions(application)) == 16
    application.metadata = models(Embedding("title", **whole))
    assert not application.differs()
    application.metadata = models(Embedding("title", **{**whole, "metadata": ["lang", "title"]}))
    assert "op.detach_collection(" not in body(application.there_and_back())
    assert len(partitions(application)) == 16


def partitions(application: Application) -> list[str]:
    statement = "SELECT inhrelid::regclass::text FROM pg_inherits JOIN pg_class ON oid = inhrelid "
    return [row[0] for row in application.run(statement + "WHERE relkind = 'r'")]


def test_dimensions_that_are_said_are_no_difference(application: Application) -> None:
    application.metadata = models(Embedding("title", model=MODEL, dim=64, index="ivfflat"))
    assert "dim=64" in application.there_and_back()


def test_what_the_application_leaves_out_has_no_embedding(application: Application) -> None:
    application.metadata = models(None)
    application.migrate()
    application.metadata = models(Embedding("title", model=MODEL))
    application.options = {"include_object": lambda item, name, *rest: name != "articles"}
    application.check()
    application.options = {}
    assert application.differs()


def test_types_of_the_applications_own_reach_a_script(application: Application) -> None:
    mood = sa.Enum("good", "bad", name="Mood")
    application.metadata = models(
        Embedding("title", model=MODEL, metadata=["mood", "size"], where="\"mood\" = 'good'"),
        sa.Column("mood", mood),
        sa.Column("size", sa.String(9)),
    )
    script = application.migrate()
    assert "'mood': '\"Mood\"'" in script
    assert "'size': 'character varying(9)'" in script


def test_a_new_column_is_read_after_it_comes_and_until_it_goes(application: Application) -> None:
    application.metadata = models(Embedding("title", "body", model=MODEL))
    application.migrate()
    summary = sa.Column("summary", sa.Text)
    application.metadata = models(Embedding("title", "summary", model=MODEL), summary)
    application.there_and_back()
    application.metadata = models(Embedding("title", "body", model=MODEL))
    script = body(application.there_and_back())
    assert script.index("op.alter_collection(") < script.index("op.drop_column(")


def test_a_column_that_is_read_changes_its_type(application: Application) -> None:
    application.metadata = models(Embedding("title", "body", model=MODEL), title=sa.String(50))
    application.migrate()
    application.metadata = models(Embedding("title", "body", model=MODEL))
    script = body(application.there_and_back())
    steps = ("unfollow_collection", "alter_column", "follow_collection('")
    assert [script.index("op." + step) for step in steps] == sorted(
        script.index("op." + step) for step in steps
    )
    assert len(triggers(application)) == 4


def test_embeddbs_own_tables_are_nobodys_difference(application: Application) -> None:
    application.options = {"include_schemas": True}
    application.metadata = models(Embedding("title", model=MODEL))
    assert "'embeddb'" not in application.migrate()


def test_settings_do_not_outlive_an_operation(application: Application) -> None:
    application.metadata = models(None)
    application.migrate()
    application.metadata = models(Embedding("title", model=MODEL), sa.Column("added", sa.Text))
    application.there_and_back()


def test_what_tune_sets_is_no_difference(application: Application) -> None:
    application.metadata = models(Embedding("title", model=MODEL))
    application.migrate()
    application.run(
        "UPDATE embeddb.generations SET index_spec = index_spec || '{\"ef_search\": 200}'"
    )
    application.check()


def test_a_collection_of_ones_own(application: Application) -> None:
    from alembic.migration import MigrationContext
    from alembic.operations import Operations

    with application.engine.begin() as connection:
        op: Any = Operations(MigrationContext.configure(connection))
        op.create_collection("notes", model=None, dim=3)
    assert collections(application) == {"notes": None}
    application.check()
    with application.engine.begin() as connection:
        op = Operations(MigrationContext.configure(connection))
        op.drop_collection("notes")
    assert collections(application) == {}


def test_offline_sql_does_the_same(application: Application, database: str) -> None:
    application.metadata = models(
        Embedding(
            model=MODEL,
            expression="title || ' 100% a:b {x}' || body",
            where="lang <> 'xx:y'",
            metadata=["lang"],
            storage="halfvec",
        )
    )
    application.revision()
    script = application.upgrade_sql()
    application.run("DROP TABLE alembic_version")  # --autogenerate has made it
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(script.encode())
        assert len(triggers(application)) == 4
        application.check()
        application.run("INSERT INTO articles VALUES (1, 'tea', 'green', 'de')")
        assert application.run("SELECT key FROM embeddb.jobs") == [("1",)]
        application.run("UPDATE articles SET body = 'black'")
        assert application.run("SELECT key, version FROM embeddb.jobs") == [("1", 2)]
        found = application.run("SELECT id, content, metadata FROM embeddb.articles")
        assert found == [("1", "tea 100% a:b {x}black", {"lang": "de"})]
        connection.execute(application.downgrade_sql("r1:base").encode())
    assert triggers(application) == []
    assert collections(application) == {}
    left = application.run(
        "SELECT relname FROM pg_class WHERE relnamespace = 'embeddb'::regnamespace "
        "AND relname LIKE 'articles%' UNION ALL SELECT proname FROM pg_proc "
        "WHERE pronamespace = 'embeddb'::regnamespace AND proname LIKE 'articles%'"
    )
    assert left == []


def test_what_no_script_can_write_says_so(application: Application) -> None:
    application.metadata = models(Embedding("title", model=MODEL))
    application.migrate()
    application.metadata = models(Embedding("title", "body", model=MODEL))
    application.revision()
    with pytest.raises(CommandError, match="cannot be written by --sql"):
        application.upgrade_sql("r1:head")


SAID = "coalesce((SELECT max(r.body) FROM remarks r WHERE r.about = essays.id), '')"


def _essays(embedding: Embedding) -> sa.MetaData:
    metadata = sa.MetaData()
    remark = sa.Column("about", sa.BigInteger), sa.Column("body", sa.Text)
    sa.Table("remarks", metadata, *remark)
    columns = sa.Column("id", sa.BigInteger, primary_key=True), sa.Column("title", sa.Text)
    declare(sa.Table("essays", metadata, *columns), embedding)
    return metadata


def test_texts_from_several_tables_are_proposed_changed_and_taken_back(
    application: Application,
) -> None:
    expression = f"concat(title, {SAID})"
    application.metadata = _essays(
        Embedding(expression=expression, depends_on={"remarks": "about"}, model=MODEL)
    )
    assert "depends_on={'remarks': 'about'}" in application.migrate()
    following = [name for name in triggers(application) if name.startswith("embeddb_essays_1_")]
    assert len(following) == 4
    assert not application.differs()
    application.metadata = _essays(
        Embedding(expression="concat(title)", title_column="title", model=MODEL)
    )
    text = application.migrate()
    assert "depends_on={}" in text
    assert "title_column='title'" in text
    assert not application.differs()
    assert not [name for name in triggers(application) if name in following]
    application.downgrade()
    assert [name for name in triggers(application) if name in following] == following
    with pytest.raises(CommandError, match="several tables"):
        application.upgrade_sql()


def test_columns_of_documents_are_proposed_changed_and_written_by_sql(
    application: Application,
) -> None:
    application.metadata = models(None)
    application.migrate()
    application.metadata = models(Embedding("body", media_type="text/html", model=MODEL))
    assert "media_type='text/html'" in application.there_and_back()
    application.metadata = models(Embedding("body", media_type_column="lang", model=MODEL))
    text = application.migrate()
    assert "media_type=None" in text
    assert "media_type_column='lang'" in text
    assert not application.differs()
    assert collections(application)["articles"]["content_columns"] == ["body", "lang"]
