"""Operations on collections as a migration's author writes them, and what they refuse."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import sqlalchemy as sa
from alembic.migration import MigrationContext
from alembic.operations import Operations, ops
from alembic.util import CommandError

import embeddb
from embeddb import HNSW, EmbeddingSpec, HashPartitions, IVFFlat
from embeddb.alembic.collections.attachment import Attachment
from embeddb.alembic.collections.operations import (
    AlterCollectionOp,
    AttachCollectionOp,
    CreateCollectionOp,
    DetachCollectionOp,
    DropCollectionOp,
    FollowCollectionOp,
    UnfollowCollectionOp,
)
from embeddb.errors import CollectionExistsError, ConfigurationError
from embeddb.schema.declared import DeclaredEmbedding
from tests.support.alembic_application import Application, body
from tests.support.attaching import articles
from tests.support.encoders import HashEncoder
from tests.support.postgres import rows

MODEL = "python:tests.support.encoders:encode"


@pytest.fixture(autouse=True)
def _models_of_tests(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EMBEDDB_PYTHON_MODELS", "tests.support.encoders")


@contextmanager
def migration(engine: sa.Engine, **options: Any) -> Iterator[Any]:  # noqa: ANN401
    """A migration's `op`."""
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts=options)
        with context.begin_transaction():
            yield Operations(context)


def collection(application: Application, name: str) -> Any:  # noqa: ANN401
    """The record of a collection, as it is now."""
    url = application.url.replace("+psycopg", "")
    with embeddb.connect(url) as store:
        return store.collection(name).record


@pytest.fixture
def attached(application: Application) -> Application:
    """An application whose articles are embedded, by an operation with every source option."""
    articles(application.url.replace("+psycopg", ""), 3)
    with migration(application.engine) as op:
        op.attach_collection(
            "news",
            "articles",
            text=["title", "body"],
            metadata=["views", "status"],
            where="status = 'live'",
            model=MODEL,
            index="ivfflat",
            chunker="none",
            schema="public",
        )
    return application


def test_attach_reads_every_field(attached: Application) -> None:
    record = collection(attached, "news")
    assert record.source.text == ("title", "body")
    assert record.source.metadata == ("views", "status")
    assert record.source.where == "status = 'live'"
    assert record.generation.index == IVFFlat()
    assert record.generation.chunker["kind"] == "none"


def test_alter_leaves_what_is_left_out(attached: Application) -> None:
    with migration(attached.engine) as op:
        op.alter_collection("news", "articles", text="lower(title)")
    source = collection(attached, "news").source
    assert (source.text, source.expression) == (None, "lower(title)")
    assert (source.metadata, source.where) == (("views", "status"), "status = 'live'")
    with migration(attached.engine) as op:
        op.alter_collection("news", "articles", metadata=[], where=None, schema="public")
    source = collection(attached, "news").source
    assert (source.expression, source.metadata, source.where) == ("lower(title)", (), None)


def test_alter_builds_another_form(attached: Application) -> None:
    with migration(attached.engine) as op:
        op.alter_collection("news", "articles", index=HNSW(m=8))
    assert collection(attached, "news").generation.index == HNSW(m=8)
    with migration(attached.engine) as op:
        op.alter_collection("news", "articles", storage="halfvec")
    generation = collection(attached, "news").generation
    assert (generation.storage.label, generation.index) == ("halfvec", HNSW(m=8))
    with migration(attached.engine) as op:
        op.alter_collection("news", "articles", index="exact")
    assert collection(attached, "news").generation.index is None


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"model": "x"}, TypeError, "alter_collection() has no model."),
        ({"storage": "float8"}, ConfigurationError, "Unknown storage 'float8'"),
        ({"index": "btree"}, ConfigurationError, "index is 'btree'"),
    ],
)
def test_alter_refuses_what_it_does_not_know(
    changes: dict[str, Any], error: type[Exception], message: str
) -> None:
    op: Any = Operations(MigrationContext.configure(dialect_name="postgresql"))
    with pytest.raises(error) as raised:
        op.alter_collection("news", "articles", **changes)
    assert message in str(raised.value)


def test_a_collection_without_a_table_reads_none(application: Application) -> None:
    with migration(application.engine) as op:
        op.create_collection("notes", model=None, dim=3)
        with pytest.raises(CommandError, match="'notes' is attached to no table"):
            op.alter_collection("notes", "articles", text=["title"])
        for refused in (op.follow_collection, op.unfollow_collection):
            with pytest.raises(CommandError, match="'notes' is attached to no table"):
                refused("notes", "articles")


def test_create_takes_what_the_store_takes(application: Application) -> None:
    fields: dict[str, Any] = {"dim": 3, "index": None, "normalize": True, "partition_by": "lang"}
    with migration(application.engine) as op:
        op.create_collection("notes", model=None, **fields)
        op.create_collection("notes", model=None, **fields, exist_ok=True)
        with pytest.raises(CollectionExistsError):
            op.create_collection("notes", model=None, dim=4, exist_ok=True)
        with pytest.raises(TypeError, match="metric"):
            op.create_collection("notes", model=None, dim=3, metric="l2")
        with pytest.raises(TypeError, match="model"):
            op.create_collection("notes", dim=3)
    generation = collection(application, "notes").generation
    assert (generation.dim, generation.index, generation.normalize) == (3, None, True)
    assert generation.layout == HashPartitions("lang")


def test_a_revision_that_creates_takes_it_back(application: Application) -> None:
    spec = EmbeddingSpec(
        model=None, dim=3, index=None, storage="halfvec", layout=HashPartitions("lang", 2)
    )

    def add(context: object, revision: object, directives: list[Any]) -> None:
        create = CreateCollectionOp("notes", spec)
        directives[0].upgrade_ops.ops.append(create)
        directives[0].downgrade_ops.ops.insert(0, create.reverse())

    application.options = {"process_revision_directives": add}
    text = application.revision()
    assert "import embeddb\n" in text
    assert body(text).split("(", 1)[1].split() == [
        "'notes',",
        "model=None,",
        "dim=3,",
        "storage='halfvec',",
        "index=None,",
        "layout=embeddb.HashPartitions(field='lang',",
        "partitions=2),",
        ")",
        "#",
        "###",
        "end",
        "Alembic",
        "commands",
        "###",
    ]
    application.upgrade()
    assert EmbeddingSpec.of(collection(application, "notes").generation) == spec
    application.downgrade()
    assert application.run("SELECT name FROM embeddb.collections") == []


DECLARED = DeclaredEmbedding(name="news", spec=EmbeddingSpec(model=MODEL), text=("title",))
ATTACHMENT = Attachment(declared=DECLARED, schema=None, table="articles")

REVERSES: list[tuple[ops.MigrateOperation, ops.MigrateOperation, Any]] = [
    (
        AttachCollectionOp(ATTACHMENT),
        DetachCollectionOp("news", "articles", ATTACHMENT),
        (("add_embedding", DECLARED), ("remove_embedding", "news")),
    ),
    (
        UnfollowCollectionOp("news", "articles"),
        FollowCollectionOp("news", "articles"),
        (("unfollow_embedding", "news"), ("follow_embedding", "news")),
    ),
    (
        AlterCollectionOp("news", "articles", {"storage": "bit"}, before={"storage": "int8"}),
        AlterCollectionOp("news", "articles", {"storage": "int8"}, before={"storage": "bit"}),
        (
            ("modify_embedding", "news", {"storage": "int8"}, {"storage": "bit"}),
            ("modify_embedding", "news", {"storage": "bit"}, {"storage": "int8"}),
        ),
    ),
    (
        CreateCollectionOp("news", DECLARED.spec),
        DropCollectionOp("news", DECLARED.spec),
        (("add_collection", "news"), ("remove_collection", "news")),
    ),
]


@pytest.mark.parametrize(("one", "other", "shown"), REVERSES)
def test_each_operation_is_the_reverse_of_its_reverse(
    one: ops.MigrateOperation,
    other: ops.MigrateOperation,
    shown: Any,  # noqa: ANN401
) -> None:
    for first, second in ((one, other), (other, one)):
        reverse = first.reverse()
        assert type(reverse) is type(second)
        assert vars(reverse) == vars(second)
    assert (one.to_diff_tuple(), other.to_diff_tuple()) == shown


@pytest.mark.parametrize(
    "operation",
    [
        DetachCollectionOp("news", "articles"),
        AlterCollectionOp("news", "articles", {"storage": "bit"}),
        DropCollectionOp("news"),
    ],
)
def test_what_was_before_has_to_be_known(operation: ops.MigrateOperation) -> None:
    with pytest.raises(ValueError, match="is not known"):
        operation.reverse()


def offline(**options: Any) -> tuple[Any, list[str]]:  # noqa: ANN401
    """The `op` of `alembic upgrade --sql`, and what it writes."""
    written: list[str] = []

    class Buffer:
        def write(self, text: str) -> None:
            written.append(text)

        def flush(self) -> None: ...

    given = {"as_sql": True, "output_buffer": Buffer(), **options}
    return Operations(MigrationContext.configure(dialect_name="postgresql", opts=given)), written


KNOWN: dict[str, Any] = {
    "text": ["title"],
    "model": MODEL,
    "key": ["id"],
    "types": {"id": "bigint", "title": "text", "lang": "text"},
}


def test_a_script_needs_the_types_of_columns() -> None:
    op, _ = offline()
    with pytest.raises(CommandError, match=r"needs key=\[…\] and types=\{…\}"):
        op.attach_collection("news", "articles", text=["title"], model=MODEL)
    with pytest.raises(CommandError, match=r"needs key=\[…\] and types=\{…\}"):
        op.attach_collection("news", "articles", **KNOWN | {"text": ["body"]})


def test_a_script_keeps_no_matrices() -> None:
    op, _ = offline()
    with pytest.raises(CommandError, match="rotation:random is kept in the database as matrices"):
        op.attach_collection("news", "articles", **KNOWN, transform="rotation")


def test_a_script_refuses_a_layout_by_a_column_that_is_not_read() -> None:
    op, _ = offline()
    with pytest.raises(ConfigurationError, match="laid out by 'lang': name that column"):
        op.attach_collection("news", "articles", **KNOWN, partition_by="lang")


def test_a_script_says_where_pgvector_is() -> None:
    for options, schema in (({}, "public"), ({"embeddb_vector_schema": "ext"}, "ext")):
        op, written = offline(**options)
        op.attach_collection("news", "articles", **KNOWN, metadata=["lang"], partition_by="lang")
        text = "".join(written)
        assert f'"{schema}"."vector"(64)' in text or f"{schema}.vector(64)" in text
        assert text.count("PARTITION OF") == 16


def test_a_script_drops_what_is_there() -> None:
    op, written = offline()
    op.drop_collection("it's")
    op.detach_collection("news", "articles")
    text = "".join(written)
    assert "'it''s'" in text and "'news'" in text


@pytest.mark.parametrize("name", ["create_collection", "unfollow_collection", "follow_collection"])
def test_what_asks_the_database_is_no_script(name: str) -> None:
    op, _ = offline()
    options = {"model": None, "dim": 3} if name == "create_collection" else {"table_name": "t"}
    with pytest.raises(CommandError, match=rf"op\.{name}\(\) asks the database"):
        getattr(op, name)("notes", **options)


def test_a_migration_takes_the_vectors_of_a_column(application: Application) -> None:
    url = application.url.replace("+psycopg", "")
    rows(url, "CREATE TABLE items (id int PRIMARY KEY, name text, embedding vector(64))")
    texts = [f"item number{n}" for n in range(20)]
    for n, vector in enumerate(HashEncoder().encode(texts)):
        rows(url, "INSERT INTO items VALUES (%s, %s, %s)", [n, texts[n], str(vector.tolist())])
    with migration(application.engine) as op:
        op.attach_collection(
            "items", "items", text=["name"], model=MODEL, embedding_column="embedding", index=None
        )
    with embeddb.connect(url) as store:
        assert store.collection("items").count_chunks() == 20


def test_a_script_cannot_compare_vectors(application: Application) -> None:
    with (
        pytest.raises(CommandError, match="'embedding'"),
        migration(application.engine, as_sql=True) as op,
    ):
        op.attach_collection(
            "items", "items", text=["name"], model=MODEL, embedding_column="embedding"
        )
