"""`embeddb attach` and `detach` in processes of their own, and what status and doctor say."""

from __future__ import annotations

import json

import pytest

import embeddb
from tests.conftest import RunCLI
from tests.support.attaching import articles, drain, triggers
from tests.support.encoders import HashEncoder
from tests.support.postgres import rows

MODEL = "python:tests.support.encoders:encode"


def _doctor(run_cli: RunCLI, url: str) -> dict[str, tuple[str, str]]:
    done = run_cli("doctor", "--json", dsn=url)
    return {
        finding["message"]: (finding["level"], finding["remedy"])
        for finding in json.loads(done.stdout)
        if finding["subject"] == "articles"
    }


def test_a_table_is_attached_looked_at_and_detached(database: str, run_cli: RunCLI) -> None:
    articles(database, 12)
    call = ["attach", "public.articles", "--text", "title, body", "--model", MODEL]
    done = run_cli(*call, "--metadata", "views", "--where", "id > 2", dsn=database)
    assert done.returncode == 0, done.stderr
    assert "embeddb worker" in done.stdout
    again = run_cli(*call, dsn=database)
    assert again.returncode == 1
    assert "already" in again.stderr
    rows(database, "UPDATE articles SET title = 'x' WHERE id < 5")
    data = json.loads(run_cli("status", "--json", dsn=database).stdout)["collections"][0]
    assert (data["source"]["table"], data["documents"]) == ("articles", 10)
    assert (data["sync"]["pending"], data["sync"]["failed"]) == (2, 0)
    assert data["sync"]["per_minute"] is None
    assert "2 and more" in run_cli("status", dsn=database).stdout
    found = run_cli("detach", "articles", "--yes", "--json", dsn=database)
    assert json.loads(found.stdout) == {"detached": "articles", "chunks": 0}
    assert triggers(database, "articles") == []


def test_what_cannot_be_attached_is_told(database: str, run_cli: RunCLI) -> None:
    rows(database, "CREATE TABLE bare (body text)")
    for table, message in (("bare", "ADD PRIMARY KEY"), ("nothing", "There is no table")):
        done = run_cli("attach", table, "--text", "body", "--model", MODEL, dsn=database)
        assert done.returncode == 1
        assert message in " ".join(done.stderr.split())


def test_doctor_says_what_became_of_the_source(
    store: embeddb.Store, database: str, run_cli: RunCLI
) -> None:
    rows(
        database,
        "CREATE TABLE articles (id bigint, title text, body text, PRIMARY KEY (id)) "
        "PARTITION BY RANGE (id);"
        "CREATE TABLE articles_1 PARTITION OF articles FOR VALUES FROM (0) TO (100);"
        "INSERT INTO articles SELECT n, 't' || n, 'b' || n FROM generate_series(1, 9) n",
    )
    found = store.attach("articles", text="title, body", model=HashEncoder())
    told = _doctor(run_cli, database)
    assert any("No worker is running" in message for message in told)
    drain(store, found)
    assert all(level != "fail" for level, _ in _doctor(run_cli, database).values())
    harms = {
        "CREATE TABLE articles_2 PARTITION OF articles FOR VALUES FROM (100) TO (200)": (
            "Changes of public.articles_2 are not followed"
        ),
        "ALTER TABLE articles_1 DISABLE TRIGGER embeddb_articles_update": (
            "Changes of public.articles_1 are not followed"
        ),
        "ALTER TABLE articles ENABLE ROW LEVEL SECURITY": "was turned on since",
        "ALTER TABLE articles RENAME COLUMN title TO headline": "Column title",
        "ALTER TABLE articles DROP COLUMN body CASCADE": "View articles is gone",
    }
    for harm, message in harms.items():
        rows(database, harm)
        matching = [
            (level, remedy)
            for text, (level, remedy) in _doctor(run_cli, database).items()
            if message in text
        ]
        assert [level for level, _ in matching] == ["fail"], harm
        assert "--exist-ok" in matching[0][1]
    status = run_cli("status", dsn=database)
    assert status.returncode == 0
    assert "View articles is gone" in " ".join(status.stdout.split())
    store.attach("articles", text="headline", model=HashEncoder(), exist_ok=True)
    assert all(level != "fail" for level, _ in _doctor(run_cli, database).values())
    rows(database, "ALTER TABLE articles RENAME TO papers")
    assert all(level != "fail" for level, _ in _doctor(run_cli, database).values())
    store.attach("papers", name="articles", text="headline", model=HashEncoder(), exist_ok=True)
    assert all(level != "fail" for level, _ in _doctor(run_cli, database).values())
    store.detach("articles")
    assert store.collections() == []


def test_a_worker_scales_vectors_where_the_collection_says_so(
    database: str, run_cli: RunCLI, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EMBEDDB_PYTHON_MODELS", "tests.support.encoders")
    articles(database, 5)
    model = "python:tests.support.encoders:encode_long"
    with embeddb.connect(database) as store:
        found = store.attach(
            "articles", text="body", model=model, distance="l2", normalize=True, index=None
        )
        done = run_cli("worker", "--once", dsn=database)
        assert done.returncode == 0, done.stderr
        norms = rows(database, "SELECT vector_norm(embedding) FROM embeddb.articles_g1")
        assert [row[0] for row in norms] == pytest.approx([1.0] * 5)
        nearest = found.search("about word3", 1)[0]
        assert nearest.id == "3"
        assert nearest.distance == pytest.approx(0, abs=1e-3)


def test_a_text_from_several_tables_is_followed_by_a_worker(database: str, run_cli: RunCLI) -> None:
    rows(
        database,
        "CREATE TABLE threads (id int PRIMARY KEY, headline text);"
        "CREATE TABLE replies (id int PRIMARY KEY, thread_id int REFERENCES threads, body text);"
        "INSERT INTO threads VALUES (1, 'Tea'), (2, 'Oaks');"
        "INSERT INTO replies VALUES (1, 1, 'eighty degrees')",
    )
    text = (
        "headline || coalesce((SELECT string_agg(' ' || r.body, '' ORDER BY r.id) "
        "FROM replies r WHERE r.thread_id = threads.id), '')"
    )
    call = ["attach", "threads", "--text", text, "--model", MODEL, "--title-column", "headline"]
    refused = run_cli(*call, dsn=database)
    assert refused.returncode == 1
    assert "--depends-on public.comments=post_id" in " ".join(refused.stderr.split())
    unclear = run_cli(*call, "--depends-on", "replies", dsn=database)
    assert unclear.returncode != 0
    assert "--depends-on public.comments=post_id" in " ".join(unclear.stderr.split())
    done = run_cli(*call, "--depends-on", "replies=thread_id", dsn=database)
    assert done.returncode == 0, done.stderr
    stored = "SELECT id, content FROM embeddb.threads_g1 ORDER BY id"
    assert run_cli("worker", "--once", dsn=database).returncode == 0
    assert rows(database, stored) == [("1", "Tea eighty degrees"), ("2", "Oaks")]
    rows(database, "UPDATE replies SET thread_id = 2")
    assert run_cli("worker", "--once", dsn=database).returncode == 0
    assert rows(database, stored) == [("1", "Tea"), ("2", "Oaks eighty degrees")]
    found = run_cli("detach", "threads", "--yes", dsn=database)
    assert found.returncode == 0
    assert triggers(database, "replies") == triggers(database, "threads") == []


def test_vectors_of_a_column_are_taken(database: str, run_cli: RunCLI) -> None:
    rows(database, "CREATE TABLE items (id int PRIMARY KEY, name text, embedding vector(64))")
    texts = [f"item number{n}" for n in range(20)]
    for n, vector in enumerate(HashEncoder().encode(texts)):
        rows(database, "INSERT INTO items VALUES (%s, %s, %s)", [n, texts[n], str(vector.tolist())])
    call = ["attach", "items", "--model", MODEL, "--index", "none", "--text"]
    digits = run_cli(*call, "embedding", dsn=database)
    assert digits.returncode == 1
    assert "--embedding-column" in digits.stderr
    other = run_cli(*call, "'other ' || id", "--embedding-column", "embedding", dsn=database)
    assert other.returncode == 1
    assert "on 20 rows" in " ".join(other.stderr.split())
    done = run_cli(*call, "name", "--embedding-column", "embedding", "--json", dsn=database)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["chunks"] == 20
