"""The view of a collection's chunks: one name for them, whichever generation is active."""

from __future__ import annotations

import os
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import psycopg
import pytest
from psycopg import sql

import embeddb
from embeddb.db import embedded
from embeddb.errors import DatabaseError, InvalidNameError
from embeddb.pipeline.conversion import convert as module
from tests.conftest import DSN_VARIABLE
from tests.support.attaching import articles, attach, drain
from tests.support.postgres import one, role, rows

VECTOR = [-2.0, -1.0, 0.5, 1.0]


def _docs(store: embeddb.Store, name: str = "docs", **fields: object) -> embeddb.Collection:
    docs = store.create_collection(name, model=None, dim=4, **fields)  # type: ignore[arg-type]
    docs.add([{"id": "a", "content": "100 % of it", "embedding": VECTOR}])
    return docs


def _view(url: str, name: str = "docs_chunks", schema: str = "embeddb") -> list[tuple[object, ...]]:
    columns = sql.SQL("SELECT id, chunk_no, content, embedding::float4[] FROM {}")
    return rows(url, columns.format(sql.Identifier(schema, name)))


@pytest.mark.parametrize(
    ("storage", "distance", "stored"),
    [
        ("vector", "cosine", VECTOR),
        ("halfvec", "l2", VECTOR),
        ("int8", "cosine", VECTOR),
        ("int8", "l2", VECTOR),
        ("bit", "hamming", [-1, -1, 1, 1]),
    ],
)
def test_every_storage_kind_reads_as_a_vector(
    store: embeddb.Store, storage: str, distance: str, stored: list[float]
) -> None:
    _docs(store, storage=storage, distance=distance)
    ((id, number, content, vector),) = _view(store.url)
    assert (id, number, content) == ("a", 0, "100 % of it")
    assert np.allclose(vector, stored, atol=0.02)  # type: ignore[arg-type]
    kind = "SELECT DISTINCT pg_typeof(embedding)::text FROM embeddb.docs_chunks"
    assert one(store.url, kind) == "vector"


def test_a_query_of_plain_pgvector_reads_the_index(store: embeddb.Store) -> None:
    docs = store.create_collection("docs", model=None, dim=4, index=embeddb.HNSW())
    docs.add([{"id": str(n), "embedding": [n, 1, 1, 1]} for n in range(100)])
    with psycopg.connect(store.url) as connection:
        connection.execute("SET LOCAL enable_seqscan = off")
        plan = connection.execute(
            "EXPLAIN SELECT id FROM embeddb.docs_chunks ORDER BY embedding <=> '[1,1,1,1]' LIMIT 5"
        ).fetchall()
    assert any("Index Scan using docs_g1_hnsw" in row[0] for row in plan)


def test_it_shows_the_new_generation_after_a_conversion(store: embeddb.Store) -> None:
    docs = _docs(store)
    rows(store.url, "CREATE VIEW mine AS SELECT id, embedding FROM embeddb.docs_chunks")
    for form in ({"storage": "halfvec"}, {"storage": "int8"}, {"transform": ["matryoshka:3"]}):
        docs.convert(**form)
    assert _view(store.url)[0][:3] == ("a", 0, "100 % of it")
    assert one(store.url, "SELECT vector_dims(embedding) FROM mine") == 3
    tables = "SELECT relname FROM pg_class WHERE relname LIKE 'docs\\_g%' AND relkind = 'r'"
    assert rows(store.url, tables) == [("docs_g4",)]
    assert store.doctor().ok


def test_a_conversion_waits_for_a_reader_of_the_view_and_writers_go_on(
    store: embeddb.Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SWITCH_TIMEOUT_MS", 50)
    monkeypatch.setattr(module, "SWITCH_PAUSE_SECONDS", 0.05)
    docs = _docs(store)
    with psycopg.connect(store.url) as reader:
        reader.execute("SELECT FROM embeddb.docs_chunks")
        with ThreadPoolExecutor(1) as threads:
            converting = threads.submit(docs.convert, storage="halfvec")
            with embeddb.connect(store.url) as other:
                other.collection("docs").add([{"id": "b", "content": "b", "embedding": VECTOR}])
            assert not converting.done()
            reader.rollback()
            converting.result()
    assert [row[0] for row in _view(store.url)] == ["a", "b"]


def test_a_reader_who_never_ends_leaves_the_collection_as_it_was(
    store: embeddb.Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SWITCH_TIMEOUT_MS", 50)
    monkeypatch.setattr(module, "SWITCH_SECONDS", 0.0)
    docs = _docs(store)
    with psycopg.connect(store.url) as reader:
        reader.execute("SELECT FROM embeddb.docs_chunks")
        with pytest.raises(DatabaseError, match=r"reads embeddb\.docs_chunks stayed open"):
            docs.convert(storage="halfvec")
    assert store.collection("docs").record.generation.number == 1
    assert _view(store.url)[0][0] == "a"


def test_an_attached_table_is_shown_by_its_own_key(store: embeddb.Store) -> None:
    rows(
        store.url,
        "CREATE TABLE pages (embedding date, chunk_no int, id bigint, body text, "
        "PRIMARY KEY (embedding, chunk_no, id));"
        "INSERT INTO pages VALUES ('2024-01-02', 7, 3, 'a page')",
    )
    drain(store, attach(store, "pages", "body"))
    assert rows(
        store.url,
        "SELECT key_embedding::text, key_chunk_no, id, chunk_no, content FROM embeddb.pages_chunks",
    ) == [("2024-01-02", 7, 3, 0, "a page")]
    store.detach("pages")
    assert one(store.url, "SELECT to_regclass('embeddb.pages_chunks')") is None


def test_attaching_again_keeps_the_view(store: embeddb.Store) -> None:
    articles(store.url, 2)
    drain(store, attach(store))
    rows(store.url, "CREATE VIEW mine AS SELECT * FROM embeddb.articles_chunks")
    attach(store, metadata=["views"], exist_ok=True)
    statement = "SELECT count(*) FROM mine m JOIN articles a ON a.id = m.id"
    assert one(store.url, statement) == 2


def test_rows_that_are_hidden_stay_hidden(store: embeddb.Store) -> None:
    rows(
        store.url,
        "CREATE TABLE notes (id bigint PRIMARY KEY, tenant int, body text);"
        "ALTER TABLE notes ENABLE ROW LEVEL SECURITY;"
        "CREATE POLICY own ON notes USING (tenant = 7);"
        "INSERT INTO notes SELECT n, n, 'note ' || n FROM generate_series(1, 9) n",
    )
    drain(store, attach(store, "notes", "body"))
    with role(store.url, "GRANT SELECT ON notes TO {}") as url:
        name = psycopg.conninfo.conninfo_to_dict(url)["user"]
        store.grant("reader", str(name))
        assert rows(url, "SELECT id FROM embeddb.notes_chunks") == [(7,)]


def test_who_reads_a_collection_reads_its_view_also_after_a_conversion(
    store: embeddb.Store,
) -> None:
    docs = _docs(store)
    with role(store.url) as url:
        name = str(psycopg.conninfo.conninfo_to_dict(url)["user"])
        store.grant("reader", name, ["docs"])
        assert _view(url)[0][0] == "a"
        docs.convert(storage="halfvec")
        assert _view(url)[0][0] == "a"
        store.revoke("reader", name, ["docs"])
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            _view(url)


def test_names_are_quoted(database: str) -> None:
    schema = 'My "own"; 100% of:it'
    embeddb.migrate(database, schema=schema)
    name = "n\" 50%'s :x"
    with embeddb.connect(database, schema=schema) as store:
        docs = _docs(store, name)
        docs.convert(storage="int8")
        assert _view(database, name + "_chunks", schema)[0][0] == "a"
        longest = "n" * 48
        _docs(store, longest)
        assert _view(database, longest + "_chunks", schema)[0][0] == "a"
        for each in (name, longest):
            store.drop_collection(each)
    left = "SELECT count(*) FROM pg_views WHERE schemaname = %s AND viewname LIKE '%%\\_chunks'"
    assert one(database, left, [schema]) == 0


@pytest.mark.parametrize(("first", "second"), [("a", "a_chunks"), ("a_chunks", "a")])
def test_no_collection_has_the_name_of_a_view(
    store: embeddb.Store, first: str, second: str
) -> None:
    _docs(store, first)
    with pytest.raises(InvalidNameError, match="view"):
        _docs(store, second)
    rows(store.url, "CREATE TABLE a_chunks (id int PRIMARY KEY, body text)")
    if second == "a_chunks":
        with pytest.raises(InvalidNameError, match="view"):
            attach(store, "public.a_chunks", "body")
    assert [one.name for one in store.collections()] == [first]


def test_a_name_like_that_of_a_view_may_be_had_alone(store: embeddb.Store) -> None:
    docs = _docs(store, "page_chunks")
    assert docs.count() == 1
    assert _view(store.url, "page_chunks_chunks")[0][0] == "a"


def test_a_relation_of_somebody_else_stays_and_the_doctor_names_it(store: embeddb.Store) -> None:
    rows(store.url, "CREATE VIEW embeddb.docs_chunks AS SELECT 1 AS mine")
    docs = _docs(store)
    docs.convert(storage="halfvec")
    assert rows(store.url, "SELECT * FROM embeddb.docs_chunks") == [(1,)]
    assert any("is taken by" in found.message for found in store.doctor().findings)
    store.drop_collection("docs")
    assert rows(store.url, "SELECT * FROM embeddb.docs_chunks") == [(1,)]


def test_the_doctor_finds_a_view_that_is_gone_and_its_remedy_works(store: embeddb.Store) -> None:
    _docs(store)
    rows(store.url, "DROP VIEW embeddb.docs_chunks")
    (found,) = [one for one in store.doctor().findings if "docs_chunks" in one.message]
    assert (found.level, found.remedy) == ("warn", "embeddb migrate")
    embeddb.migrate(store.url)
    assert _view(store.url)[0][0] == "a"


@pytest.mark.skipif(DSN_VARIABLE in os.environ, reason="the programs are the embedded server's")
def test_a_dump_is_restored(store: embeddb.Store, empty_database: str, tmp_path: Path) -> None:
    docs = _docs(store)
    docs.convert(storage="int8")
    file = tmp_path / "dump.sql"
    subprocess.run([_program("pg_dump"), "-d", store.url, "-f", file], check=True)
    restore = [
        _program("psql"),
        "-qX",
        "-v",
        "ON_ERROR_STOP=1",
        "-d",
        empty_database,
        "-f",
        str(file),
    ]
    subprocess.run(restore, check=True, stdout=subprocess.DEVNULL)
    assert _view(empty_database)[0][0] == "a"
    with embeddb.connect(empty_database) as restored:
        restored.collection("docs").convert(storage="halfvec")
        assert _view(empty_database)[0][0] == "a"
        assert restored.doctor().ok


def _program(name: str) -> str:
    try:
        return str(embedded.bin(name))
    except embeddb.EmbedDBError as error:
        pytest.skip(str(error))
