"""Vector indexes and types of an application: generated, applied, checked, taken back."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import sqlalchemy as sa
from alembic.migration import MigrationContext
from alembic.operations import Operations
from alembic.util import CommandError
from pgvector.sqlalchemy import BIT, HALFVEC, SPARSEVEC, VECTOR
from sqlalchemy.types import TypeEngine

from embeddb.alembic.vector_indexes.definition import VectorIndex
from embeddb.alembic.vector_indexes.operations import AlterVectorIndexOp, CreateVectorIndexOp
from tests.support.alembic_application import Application, body

DDLElement = str | sa.TextClause | sa.ColumnElement[Any]


def items(*columns: sa.Column[Any], indexes: tuple[sa.Index, ...] = ()) -> sa.MetaData:
    """Models of one table."""
    metadata = sa.MetaData()
    own = columns or (sa.Column("embedding", VECTOR(3)),)
    sa.Table(
        "items",
        metadata,
        sa.Column("id", sa.BigInteger, primary_key=True),
        sa.Column("lang", sa.Text),
        *own,
        *indexes,
    )
    return metadata


def hnsw(on: DDLElement = "embedding", **options: object) -> sa.Index:
    named: dict[str, Any] = {
        "postgresql_using": "hnsw",
        "postgresql_ops": {"embedding": "vector_cosine_ops"},
    }
    return sa.Index("items_embedding_idx", on, **(named | options))


EXPRESSIONS = {
    "column": (hnsw(), "vector_cosine_ops"),
    "default_opclass": (hnsw(postgresql_using="ivfflat", postgresql_ops={}), "lists = 100"),
    "text": (
        hnsw(sa.text("(embedding::halfvec(3)) halfvec_cosine_ops"), postgresql_ops={}),
        "halfvec_cosine_ops",
    ),
    "label": (
        hnsw(
            sa.cast(sa.literal_column("embedding"), HALFVEC(3)).label("half"),
            postgresql_ops={"half": "halfvec_l2_ops"},
        ),
        "halfvec_l2_ops",
    ),
    "binary_quantize": (
        hnsw(sa.text("(binary_quantize(embedding)::bit(3)) bit_hamming_ops"), postgresql_ops={}),
        "bit_hamming_ops",
    ),
    "binary_quantize_cast": (
        hnsw(
            sa.cast(sa.func.binary_quantize(sa.literal_column("embedding")), BIT(3)).label("b"),
            postgresql_ops={"b": "bit_hamming_ops"},
        ),
        "bit_hamming_ops",
    ),
    "subvector": (
        hnsw(
            sa.text("(subvector(embedding, 1, 2)::vector(2)) vector_cosine_ops"),
            postgresql_ops={},
        ),
        "subvector",
    ),
    "with": (hnsw(postgresql_with={"m": 8, "ef_construction": "40"}), "ef_construction='40'"),
    "predicate": (hnsw(postgresql_where=sa.text("lang IN ('de', 'en')")), "'de'::text"),
    "colon": (hnsw(postgresql_where=sa.text("lang <> 'a:b 100% {x}'")), "'a:b 100% {x}'"),
    "expression_predicate": (hnsw(postgresql_where=sa.column("lang") == "de"), "'de'::text"),
}


@pytest.mark.parametrize("name", EXPRESSIONS)
def test_an_index_is_made_and_found_as_declared(application: Application, name: str) -> None:
    index, part = EXPRESSIONS[name]
    application.metadata = items()
    application.migrate()
    copy = sa.Index(index.name, *index.expressions, **index.dialect_kwargs)
    application.metadata = items(indexes=(copy,))
    text = application.there_and_back()
    assert "op.create_vector_index('items_embedding_idx','items'," in "".join(text.split())
    assert "op.drop_vector_index('items_embedding_idx', 'items')" in text
    assert part.replace("lists = 100", "ivfflat") in application.indexes()["items_embedding_idx"]
    application.metadata = items()
    application.there_and_back()
    assert "items_embedding_idx" not in application.indexes()


CHANGES: dict[str, dict[str, Any]] = {
    "opclass": {"postgresql_ops": {"embedding": "vector_l2_ops"}},
    "m": {"postgresql_with": {"m": 24}},
    "method": {"postgresql_using": "ivfflat", "postgresql_with": {"lists": 10}},
    "predicate": {"postgresql_where": sa.text("lang = 'de'")},
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_changed_definition_is_seen(application: Application, name: str) -> None:
    application.metadata = items(indexes=(hnsw(),))
    application.migrate()
    application.metadata = items(indexes=(hnsw(**CHANGES[name]),))
    assert application.differs()
    text = application.there_and_back()
    assert body(text).count("op.alter_vector_index(") == 1
    assert "create_vector_index" not in text


def test_a_changed_expression_is_seen(application: Application) -> None:
    half = hnsw(sa.text("(embedding::halfvec(3)) halfvec_cosine_ops"), postgresql_ops={})
    application.metadata = items(indexes=(half,))
    application.migrate()
    bits = hnsw(sa.text("(binary_quantize(embedding)::bit(3)) bit_hamming_ops"), postgresql_ops={})
    application.metadata = items(indexes=(bits,))
    assert "op.alter_vector_index(" in application.there_and_back()
    assert "binary_quantize" in application.indexes()["items_embedding_idx"]


def test_what_pgvector_takes_anyway_is_no_change(application: Application) -> None:
    application.metadata = items(indexes=(hnsw(),))
    application.migrate()
    application.metadata = items(indexes=(hnsw(postgresql_with={"m": 16}),))
    application.check()


def test_a_new_table_gets_its_index_in_the_same_transaction(application: Application) -> None:
    application.metadata = items(indexes=(hnsw(),))
    text = application.there_and_back()
    assert "from pgvector.sqlalchemy import VECTOR\n" in text
    assert "sa.Column('embedding', VECTOR(3), nullable=True)" in text
    assert "concurrently=False" in body(text)
    application.downgrade()
    assert application.indexes().keys() == set()


def test_a_removed_table_comes_back_with_its_index(application: Application) -> None:
    application.metadata = items(indexes=(hnsw(postgresql_with={"m": 8}),))
    application.migrate()
    application.metadata = sa.MetaData()
    text = application.there_and_back()
    assert "op.drop_vector_index('items_embedding_idx', 'items', concurrently=False)" in text


TYPES: dict[str, TypeEngine[Any]] = {
    "VECTOR(3)": VECTOR(3),
    "VECTOR()": VECTOR(),
    "HALFVEC(3)": HALFVEC(3),
    "SPARSEVEC(3)": SPARSEVEC(3),
    "BIT(3)": BIT(3),
}


@pytest.mark.parametrize("code", TYPES)
def test_types_come_with_their_import(application: Application, code: str) -> None:
    application.metadata = items(sa.Column("embedding", TYPES[code]))
    text = application.there_and_back()
    assert f"from pgvector.sqlalchemy import {code.split('(')[0]}\n" in text
    assert f"sa.Column('embedding', {code}, nullable=True)" in text


@pytest.mark.parametrize("kind", [VECTOR(4), VECTOR(), HALFVEC(3), SPARSEVEC(3)])
def test_a_changed_type_is_seen(application: Application, kind: TypeEngine[Any]) -> None:
    application.metadata = items()
    application.migrate()
    application.metadata = items(sa.Column("embedding", kind))
    assert "op.alter_column('items', 'embedding'" in application.there_and_back()


def test_a_type_changes_under_its_index(application: Application) -> None:
    application.metadata = items(indexes=(hnsw(),))
    application.migrate()
    application.run("INSERT INTO items VALUES (1, 'de', '[1,2,3]')")
    half = hnsw(postgresql_ops={"embedding": "halfvec_cosine_ops"})
    application.metadata = items(sa.Column("embedding", HALFVEC(3)), indexes=(half,))
    text = body(application.there_and_back())
    steps = ("drop_vector_index", "alter_column", "create_vector_index")
    places = [text.index(f"op.{step}(") for step in steps]
    assert places == sorted(places)


def test_a_new_column_and_its_index(application: Application) -> None:
    application.metadata = items()
    application.migrate()
    other = sa.Index(
        "items_other_idx",
        "other",
        postgresql_using="hnsw",
        postgresql_ops={"other": "halfvec_l2_ops"},
    )
    columns = sa.Column("embedding", VECTOR(3)), sa.Column("other", HALFVEC(5))
    application.metadata = items(*columns, indexes=(other,))
    application.there_and_back()


def test_an_operator_class_for_no_column_is_refused(application: Application) -> None:
    application.metadata = items(indexes=(hnsw(postgresql_ops={"vector": "vector_l2_ops"}),))
    with pytest.raises(Exception, match="would leave the operator class out"):
        application.revision()


def test_an_index_without_a_name_is_refused(application: Application) -> None:
    application.metadata = items(indexes=(hnsw(),))
    index = next(iter(application.metadata.tables["items"].indexes))
    index.name = None
    with pytest.raises(CommandError, match="A vector index of the table 'items' needs a name"):
        application.revision()


def test_a_predicate_may_be_plain_text(application: Application) -> None:
    application.metadata = items(indexes=(hnsw(postgresql_where="lang = 'de'"),))
    assert "where=\"lang = 'de'\"" in application.there_and_back()


def test_other_indexes_stay_alembics(application: Application) -> None:
    def with_json(*indexes: sa.Index) -> sa.MetaData:
        column = sa.Column("embedding", VECTOR(3)), sa.Column("data", sa.dialects.postgresql.JSONB)
        return items(*column, indexes=indexes)

    application.metadata = with_json(hnsw())
    application.migrate()
    application.metadata = with_json(
        hnsw(),
        sa.Index("items_lang_idx", "lang"),
        sa.Index("items_data_idx", "data", postgresql_using="gin"),
    )
    text = application.there_and_back()
    assert "op.create_index('items_lang_idx', 'items', ['lang']" in text
    assert "vector_index" not in text


def test_an_invalid_index_is_a_difference_and_is_replaced(application: Application) -> None:
    application.metadata = items(indexes=(hnsw(),))
    application.migrate()
    application.run(
        "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'items_embedding_idx'::regclass"
    )
    assert application.differs()
    application.migrate()


def test_what_an_interrupted_build_left_is_dropped_first(application: Application) -> None:
    application.metadata = items()
    application.migrate()
    application.metadata = items(indexes=(hnsw(),))
    application.revision()
    application.run("CREATE INDEX items_embedding_idx ON items (lang)")
    application.run(
        "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'items_embedding_idx'::regclass"
    )
    application.upgrade()
    application.check()


def test_a_failed_build_leaves_nothing_invalid(application: Application) -> None:
    application.metadata = items(sa.Column("embedding", VECTOR()))
    application.migrate()
    application.run("INSERT INTO items VALUES (1, 'de', '[1,2,3]')")
    application.metadata = items(sa.Column("embedding", VECTOR()), indexes=(hnsw(),))
    application.revision()
    with pytest.raises(sa.exc.DBAPIError, match="dimensions"):
        application.upgrade()
    assert "items_embedding_idx" not in application.indexes()


def test_a_build_gets_memory_and_gives_it_back(
    application: Application, caplog: pytest.LogCaptureFixture
) -> None:
    application.metadata = items(sa.Column("embedding", VECTOR(3)))
    application.migrate()
    application.run("INSERT INTO items SELECT i, 'de', '[1,2,3]' FROM generate_series(1, 2000) i")
    application.run("ANALYZE items")
    application.run(
        f"ALTER DATABASE {application.engine.url.database} SET maintenance_work_mem = 1024"
    )
    application.metadata = items(indexes=(hnsw(postgresql_with={"m": 32}),))
    with caplog.at_level("INFO", "embeddb.alembic"):
        application.migrate()
    assert "Building items_embedding_idx on about 2000 rows with" in caplog.text


def test_offline_sql_is_complete(application: Application) -> None:
    application.metadata = items()
    application.migrate()
    application.metadata = items(
        indexes=(hnsw(postgresql_where=sa.text("lang <> 'a:b 100% {x}'")),)
    )
    application.revision()
    sql = application.upgrade_sql("r1:head")
    assert (
        'COMMIT;\n\n-- Build a vector index.\nCREATE INDEX CONCURRENTLY "items_embedding_idx" '
        'ON "items" USING "hnsw" ("embedding" "vector_cosine_ops") '
        "WHERE lang <> 'a:b 100% {x}';" in sql
    )
    assert 'DROP INDEX CONCURRENTLY IF EXISTS "items_embedding_idx";' in application.downgrade_sql(
        "r2:r1"
    )


def test_indexes_in_other_schemas(application: Application) -> None:
    application.options = {"include_schemas": True}
    application.run('CREATE SCHEMA "My Shop"')
    metadata = sa.MetaData(schema="My Shop")
    sa.Table(
        "Odd Items",
        metadata,
        sa.Column("id", sa.BigInteger, primary_key=True),
        sa.Column("The Vector", VECTOR(3), key="v"),
        sa.Index(
            "Odd index",
            "v",
            postgresql_using="hnsw",
            postgresql_ops={"v": "vector_l2_ops"},
        ),
    )
    application.metadata = metadata
    text = application.there_and_back()
    assert "embeddb" not in body(text)
    assert "schema='My Shop'" in text


def test_the_applications_own_filters_are_asked(application: Application) -> None:
    application.metadata = items()
    application.migrate()
    application.metadata = items(indexes=(hnsw(),))
    application.options = {"include_object": lambda item, name, kind, *rest: kind != "index"}
    application.check()
    application.options = {}
    application.migrate()
    application.metadata = items()
    application.options = {"include_name": lambda name, kind, parents: kind != "index"}
    application.check()


def test_a_filter_sees_both_sides_of_an_index(application: Application) -> None:
    """The usual one leaves alone what no model knows, and no index that a model has."""
    application.metadata = items(indexes=(hnsw(),))
    application.migrate()
    application.options = {
        "include_object": lambda item, name, kind, reflected, there: (
            not (kind == "index" and reflected and there is None)
        )
    }
    application.check()
    application.metadata = items()
    application.check()


def test_inside_a_transaction_held_open_the_error_says_what_to_do(
    application: Application,
) -> None:
    application.metadata = items()
    application.migrate()
    with application.engine.begin() as connection:
        op = by_hand(connection)
        with pytest.raises(Exception, match="pass concurrently=False"):
            op.create_vector_index("i", "items", "embedding", opclass="vector_l2_ops")
        op.create_vector_index(
            "i", "items", "embedding", opclass="vector_l2_ops", concurrently=False
        )
    assert "i" in application.indexes()


def by_hand(connection: sa.Connection) -> Any:  # noqa: ANN401  # Alembic adds our operations
    return Operations(MigrationContext.configure(connection))


def test_an_index_is_replaced_inside_a_transaction(application: Application) -> None:
    application.metadata = items(indexes=(hnsw(),))
    application.migrate()
    with application.engine.begin() as connection:
        by_hand(connection).alter_vector_index(
            "items_embedding_idx",
            "items",
            "embedding",
            opclass="vector_l2_ops",
            with_={"m": 8},
            concurrently=False,
        )
        names = connection.scalars(sa.text("SELECT indexname FROM pg_indexes")).all()
        assert "items_embedding_idx_new" not in names
    definition = application.indexes()["items_embedding_idx"]
    assert "vector_l2_ops" in definition and "m='8'" in definition


def test_a_partitioned_table_is_indexed_in_the_transaction(
    application: Application, caplog: pytest.LogCaptureFixture
) -> None:
    application.run("CREATE TABLE parts (id int, embedding vector(3)) PARTITION BY RANGE (id)")
    application.run("CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM (0) TO (10)")
    create = {"opclass": "vector_l2_ops"}
    with caplog.at_level("INFO", "embeddb.alembic"), application.engine.begin() as connection:
        # CONCURRENTLY, which Postgres refuses here, is asked for by default
        by_hand(connection).create_vector_index("parts_idx", "parts", "embedding", **create)
    assert "parts is partitioned: parts_idx is built in a transaction" in caplog.text
    assert "parts_1_embedding_idx" in application.indexes()


def test_operations_are_shown_and_reversed() -> None:
    one = VectorIndex(name="i", table="items", schema=None, on="embedding", is_column=True)
    other = replace(one, options=(("m", 8),))
    create, alter = CreateVectorIndexOp(one), AlterVectorIndexOp(other, existing=one)
    assert create.to_diff_tuple() == ("add_vector_index", one)
    assert create.reverse().to_diff_tuple() == ("remove_vector_index", one)
    assert create.reverse().reverse().to_diff_tuple() == create.to_diff_tuple()
    assert alter.to_diff_tuple() == ("modify_vector_index", one, other)
    assert alter.reverse().to_diff_tuple() == ("modify_vector_index", other, one)
    assert repr(alter.reverse()) == f"AlterVectorIndexOp({one!r}, concurrently=True)"
    with pytest.raises(ValueError, match="old definition is not known"):
        AlterVectorIndexOp(other).reverse()
