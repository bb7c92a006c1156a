"""Vectors of an application's own column: taken over without encoding a text."""

from __future__ import annotations

import threading
import time
from typing import Any

import numpy as np
import pytest

import embeddb
from embeddb.errors import (
    ColumnNotFoundError,
    EmbedDBWarning,
    EmbeddingColumnError,
    ExpressionError,
    VectorsDisagreeError,
)
from embeddb.pipeline.adoption import SAMPLE
from embeddb.repository.attached.adopt import AdoptableRows
from embeddb.worker import Worker, WorkerOptions
from tests.support.attaching import pending, stored
from tests.support.encoders import HashEncoder
from tests.support.postgres import one, rows, session

TABLE = """
CREATE TABLE public.items (
    tenant text NOT NULL DEFAULT 'a', id bigint, name text, live boolean NOT NULL DEFAULT true,
    embedding {}, PRIMARY KEY ({})
)
"""


def items(
    url: str,
    count: int,
    *,
    type: str = "vector(64)",
    key: str = "id",
    model: HashEncoder | None = None,
) -> None:
    """Create a table of items, each with its model's vector."""
    rows(url, TABLE.format(type, key))
    fill(url, range(1, count + 1), model=model, as_array=type == "real[]")


def fill(url: str, ids: range, *, model: HashEncoder | None = None, as_array: bool = False) -> None:
    """Add items as an application that encodes them itself."""
    texts = [f"item number{n} of {n % 7}" for n in ids]
    vectors = (model or HashEncoder()).encode(texts)
    with session(url) as connection:
        connection.cursor().executemany(
            "INSERT INTO items (id, name, embedding) VALUES (%s, %s, %s)",
            [
                (n, text, vector.tolist() if as_array else str(vector.tolist()))
                for n, text, vector in zip(ids, texts, vectors, strict=True)
            ],
        )


def attach(store: embeddb.Store, model: HashEncoder, **others: object) -> embeddb.Collection:
    """Attach to the items with the vectors that they have."""
    given = {"text": "name", "embedding_column": "embedding", "index": None} | others
    return store.attach("public.items", model=model, **given)  # type: ignore[arg-type]


def work(store: embeddb.Store, model: HashEncoder) -> None:
    """Let a worker do all there is to do."""
    Worker(store, WorkerOptions(once=True), encoders={"items": model}).run()


def vector_of(text: str) -> np.ndarray:
    found: np.ndarray = HashEncoder().encode([text], "query")[0]
    return found


@pytest.mark.parametrize("kind", ["vector(64)", "vector", "halfvec(64)", "real[]"])
def test_the_rows_keep_their_vectors_and_no_text_is_encoded(
    store: embeddb.Store, kind: str
) -> None:
    items(store.url, 1203, type=kind)
    model = HashEncoder()
    found = attach(store, model)
    assert len(model.texts) == SAMPLE
    assert found.count_chunks() == 1203
    assert pending(store.url, "items") == {}
    assert found.search(vector_of("item number77 of 0"), 1)[0].id == "77"
    work(store, model)
    assert len(model.texts) == SAMPLE
    # whoever looks at every row again finds each as a worker would have written it
    attach(store, model, exist_ok=True)
    work(store, model)
    assert len(model.texts) == SAMPLE
    assert pending(store.url, "items") == {}


@pytest.mark.parametrize(
    "form",
    [
        {"storage": "halfvec"},
        {"storage": "int8"},
        {"storage": "bit", "distance": "hamming"},
        {"normalize": True, "distance": "l2"},
        {"transform": "rotation"},
    ],
)
def test_vectors_are_stored_as_a_worker_stores_them(
    store: embeddb.Store, form: dict[str, object]
) -> None:
    items(store.url, 20)
    attach(store, HashEncoder(), name="items", **form)
    attach(store, HashEncoder(), name="encoded", embedding_column=None, **form)
    Worker(
        store, WorkerOptions(once=True), encoders={"items": HashEncoder(), "encoded": HashEncoder()}
    ).run()
    columns = "id, chunk_no, content, span, content_hash, location"
    read = "SELECT {} FROM embeddb.{} ORDER BY id"
    adopted = rows(store.url, read.format(columns, "items_g1"))
    assert adopted == rows(store.url, read.format(columns, "encoded_g1"))
    assert len(adopted) == 20
    if form.get("storage") == "bit":
        return
    for n in (3, 17):
        text = vector_of(f"item number{n} of {n % 7}")
        hits = [
            store.collection(name, encoder=HashEncoder()).search(text, 1)[0]
            for name in ("items", "encoded")
        ]
        assert {hit.id for hit in hits} == {str(n)}
        assert hits[0].distance == pytest.approx(hits[1].distance, abs=1e-2)


def test_rows_without_a_usable_vector_are_left_to_the_workers(store: embeddb.Store) -> None:
    items(store.url, 30, type="vector")
    rows(store.url, "UPDATE items SET embedding = NULL WHERE id = 1")
    rows(store.url, "UPDATE items SET embedding = array_fill(0, ARRAY[64])::vector WHERE id = 2")
    rows(store.url, "UPDATE items SET embedding = '[1,2,3]' WHERE id = 3")
    rows(store.url, "UPDATE items SET name = ' ' WHERE id = 4")
    rows(store.url, "UPDATE items SET live = false WHERE id = 5")
    model = HashEncoder()
    found = attach(store, model, where="live")
    assert sorted(pending(store.url, "items"), key=int) == ["1", "2", "3", "4"]
    assert found.count_chunks() == 25
    model.texts.clear()
    work(store, model)
    assert sorted(model.texts) == sorted(f"item number{n} of {n}" for n in (1, 2, 3))
    assert found.count_chunks() == 28


def test_what_changes_afterwards_is_encoded(store: embeddb.Store) -> None:
    items(store.url, 20)
    model = HashEncoder()
    found = attach(store, model)
    model.texts.clear()
    rows(store.url, "UPDATE items SET name = 'a whale' WHERE id = 7")
    rows(store.url, "DELETE FROM items WHERE id = 8")
    rows(store.url, "INSERT INTO items (id, name) VALUES (100, 'a squid')")
    work(store, model)
    assert sorted(model.texts) == ["a squid", "a whale"]
    assert found.search(vector_of("a whale"), 1)[0].id == "7"
    assert found.count_chunks() == 20
    # the application's own column is as it was
    assert one(store.url, "SELECT count(*) FROM items WHERE embedding IS NOT NULL") == 19


def test_a_composite_key_and_partitions(store: embeddb.Store) -> None:
    rows(store.url, TABLE.format("vector(64)", "tenant, id") + " PARTITION BY LIST (tenant)")
    rows(store.url, "CREATE TABLE items_a PARTITION OF items FOR VALUES IN ('a')")
    fill(store.url, range(1, 40))
    model = HashEncoder()
    found = attach(store, model, metadata=["tenant"])
    assert found.count_chunks() == 39
    assert found.search(vector_of("item number9 of 2"), 1)[0].id == '["a", "9"]'
    assert pending(store.url, "items") == {}


def test_rows_longer_than_a_chunk_are_encoded_in_pieces(store: embeddb.Store) -> None:
    items(store.url, 10)
    long = " ".join(f"word{n}" for n in range(3000))
    vector = str(HashEncoder().encode([long])[0].tolist())
    with session(store.url) as connection:
        connection.execute(
            "INSERT INTO items (id, name, embedding) VALUES (11, %s, %s)", (long, vector)
        )
    model = HashEncoder()
    with pytest.warns(EmbedDBWarning, match="longer than one chunk"):
        found = attach(store, model)
    assert found.count_chunks() == 10
    assert list(pending(store.url, "items")) == ["11"]
    work(store, model)
    assert found.count_chunks() > 11
    store.detach("items")
    uncut = attach(store, HashEncoder(), chunker="none")
    assert uncut.count_chunks() == 11
    assert uncut.search(HashEncoder().encode([long])[0], 1)[0].id == "11"


def test_vectors_of_another_model_are_refused(store: embeddb.Store) -> None:
    items(store.url, 60, model=HashEncoder(name="other"))
    assert one(store.url, "SELECT count(*) FROM items") == 60
    rows(
        store.url,
        "UPDATE items SET embedding = (SELECT o.embedding FROM items o WHERE o.id = 61 - items.id)",
    )
    with pytest.raises(VectorsDisagreeError, match=r"median cosine -?0\.\d\d on 50 rows") as error:
        attach(store, HashEncoder())
    assert error.value.rows == SAMPLE
    assert error.value.median is not None
    assert error.value.median < 0.98
    assert store.collections() == []
    with pytest.warns(EmbedDBWarning, match="taken all the same"):
        found = attach(store, HashEncoder(), trust_vectors=True)
    assert found.count_chunks() == 60


def test_a_few_stale_vectors_are_told_of(store: embeddb.Store) -> None:
    items(store.url, 40)
    rows(store.url, "UPDATE items SET name = 'something else' WHERE id <= 4")
    with pytest.warns(EmbedDBWarning, match="4 of 40 sampled rows"):
        attach(store, HashEncoder())


@pytest.mark.parametrize(
    ("kind", "error", "match"),
    [
        ("vector(3)", EmbeddingColumnError, "3 dimensions"),
        ("sparsevec(64)", EmbeddingColumnError, "sparsevec"),
        ("bit(64)", EmbeddingColumnError, "bit"),
        ("text", EmbeddingColumnError, "text"),
        ("vector", EmbeddingColumnError, "3 dimensions"),
    ],
)
def test_columns_that_hold_no_vectors_of_the_model_are_refused(
    store: embeddb.Store, kind: str, error: type[Exception], match: str
) -> None:
    rows(store.url, TABLE.format(kind, "id"))
    if kind == "vector":
        rows(store.url, "INSERT INTO items (id, name, embedding) VALUES (1, 'a', '[1,2,3]')")
    with pytest.raises(error, match=match):
        attach(store, HashEncoder())
    with pytest.raises(ColumnNotFoundError, match="'embeding'"):
        attach(store, HashEncoder(), embedding_column="embeding")
    assert store.collections() == []


def test_a_worker_goes_on_where_adopting_was_interrupted(
    store: embeddb.Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    items(store.url, 1500)
    model = HashEncoder()
    with monkeypatch.context() as patched:
        patched.setattr("embeddb.store.adopt", lambda *_: None)
        found = attach(store, model)
    assert found.count_chunks() == 0
    # a row that changed meanwhile is the worker's, whatever its vector says
    rows(store.url, "UPDATE items SET name = 'a whale' WHERE id = 7")
    rows(store.url, "DELETE FROM items WHERE id = 8")
    model.texts.clear()
    work(store, model)
    assert model.texts == ["a whale"]
    assert found.count_chunks() == 1499
    assert one(store.url, "SELECT embedding_column IS NULL FROM embeddb.backfills")


@pytest.mark.parametrize(
    ("change", "encoded", "chunks"),
    [
        ("UPDATE items SET name = 'a whale' WHERE id = 7", ["a whale"], 20),
        ("DELETE FROM items WHERE id = 7", [], 19),
        ("UPDATE items SET id = 700 WHERE id = 7", ["item number7 of 0"], 20),
        ("TRUNCATE items", [], 0),
    ],
)
def test_a_change_while_a_page_is_taken_is_not_lost(
    store: embeddb.Store,
    monkeypatch: pytest.MonkeyPatch,
    change: str,
    encoded: list[str],
    chunks: int,
) -> None:
    items(store.url, 20)
    model = HashEncoder()
    read = AdoptableRows.read
    writers: list[threading.Thread] = []

    def interfere(own: AdoptableRows, *given: Any) -> Any:  # noqa: ANN401
        """Have somebody change a row when its page is half done, and wait for the page."""
        found = read(own, *given)
        writers.append(threading.Thread(target=rows, args=(store.url, change)))
        writers[-1].start()
        waiting = "SELECT count(*) FROM pg_stat_activity WHERE query = %s AND wait_event_type = %s"
        deadline = time.monotonic() + 30
        while not one(store.url, waiting, [change, "Lock"]):
            assert time.monotonic() < deadline
        return found

    monkeypatch.setattr(AdoptableRows, "read", interfere)
    found = attach(store, model)
    for writer in writers:
        writer.join()
    model.texts.clear()
    work(store, model)
    assert (len(writers), model.texts) == (1, encoded)
    assert found.count_chunks() == chunks


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("vector(3)", "embedding"),
        ("halfvec(3)", "embedding"),
        ("sparsevec(3)", "embedding"),
        ("bit(3)", "embedding"),
        ("bit varying", "embedding"),
        ("real[]", "embedding"),
        ("tsvector", "embedding"),
        ("vector(3)", "name, embedding"),
        ("vector(3)", "embedding::text"),
        ("vector(3)", "name || embedding::text"),
        ("halfvec(3)", "(embedding)"),
        ("vector(3)", "l2_normalize(embedding)"),
        ("bit(3)", "embedding::text"),
    ],
)
def test_a_text_is_never_the_digits_of_vectors(store: embeddb.Store, kind: str, text: str) -> None:
    rows(store.url, TABLE.format(kind, "id"))
    with pytest.raises(ExpressionError, match=r"embedding_column|lexemes"):
        attach(store, HashEncoder(), text=text, embedding_column=None)
    assert store.collections() == []


def test_a_domain_over_vectors_is_no_text_and_can_be_taken(store: embeddb.Store) -> None:
    rows(store.url, "CREATE DOMAIN public.meaning AS vector(64)")
    items(store.url, 12, type="public.meaning")
    with pytest.raises(ExpressionError, match="embedding_column"):
        attach(store, HashEncoder(), text="embedding")
    assert attach(store, HashEncoder()).count_chunks() == 12


def test_row_level_security_hides_taken_vectors_too(store: embeddb.Store) -> None:
    items(store.url, 12)
    rows(store.url, "ALTER TABLE items ENABLE ROW LEVEL SECURITY")
    found = attach(store, HashEncoder())
    assert found.count_chunks() == 12
    secured = "SELECT relrowsecurity FROM pg_class WHERE oid = 'embeddb.items_g1'::regclass"
    assert one(store.url, secured) is True
    assert stored(store.url, "items_g1")[0] == "1"


SHAPES = {
    "django": (
        "CREATE TABLE public.shop_item (id bigint PRIMARY KEY GENERATED BY DEFAULT AS IDENTITY, "
        "name varchar(200) NOT NULL, embedding vector(64))",
        "INSERT INTO shop_item (name, embedding) VALUES (%s, %s)",
        {"source": "shop_item", "text": "name", "embedding_column": "embedding"},
    ),
    "neighbor": (
        "CREATE TABLE public.entries (id bigserial PRIMARY KEY, title varchar, "
        "embedding halfvec(64), created_at timestamp(6) NOT NULL DEFAULT now())",
        "INSERT INTO entries (title, embedding) VALUES (%s, %s)",
        {"source": "entries", "text": "title", "embedding_column": "embedding"},
    ),
    "langchain": (
        "CREATE TABLE public.langchain_pg_embedding (id varchar PRIMARY KEY "
        "DEFAULT gen_random_uuid(), collection_id uuid DEFAULT "
        "'5f1ba2f4-3c3c-4c57-a9a1-7d5a4a0f4f10', embedding vector, document varchar, "
        "cmetadata jsonb)",
        "INSERT INTO langchain_pg_embedding (document, embedding) VALUES (%s, %s)",
        {
            "source": "langchain_pg_embedding",
            "text": "document",
            "where": "collection_id = '5f1ba2f4-3c3c-4c57-a9a1-7d5a4a0f4f10'",
            "metadata": ["cmetadata"],
            "chunker": "none",
            "embedding_column": "embedding",
        },
    ),
    "vecs": (
        "CREATE SCHEMA vecs; CREATE TABLE vecs.docs (id varchar PRIMARY KEY "
        "DEFAULT gen_random_uuid(), vec vector(64) NOT NULL, metadata jsonb NOT NULL)",
        "INSERT INTO vecs.docs (metadata, vec) "
        "VALUES (pg_catalog.jsonb_build_object('text', %s::text), %s)",
        {
            "source": "vecs.docs",
            "text": "metadata->>'text'",
            "metadata": ["metadata"],
            "embedding_column": "vec",
        },
    ),
}
"""Tables as other libraries make them: the table, a row, and what attach is given."""


@pytest.mark.parametrize("library", SHAPES)
def test_tables_of_other_libraries_move_in(store: embeddb.Store, library: str) -> None:
    create, insert, given = SHAPES[library]
    texts = [f"item number{n}" for n in range(30)]
    with session(store.url) as connection:
        connection.execute(create)
        for text, vector in zip(texts, HashEncoder().encode(texts), strict=True):
            connection.execute(insert, (text, str(vector.tolist())))
    model = HashEncoder()
    found = store.attach(model=model, name="moved", index=None, **given)  # type: ignore[arg-type]
    Worker(store, WorkerOptions(once=True), encoders={"moved": model}).run()
    assert len(model.texts) == 30  # the sample
    assert found.search(vector_of("item number7"), 1)[0].content == "item number7"
