"""A worker in the test's own process: what it does between claiming a row and writing it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from typing import Any

import numpy as np
import psycopg
import pytest

import embeddb
from embeddb.db.database import Connection
from embeddb.db.pooled import PooledDatabase
from embeddb.encoders import EncoderSettings, load_encoder
from embeddb.errors import CollectionNotFoundError, ModelUnavailableError, SchemaOutdatedError
from embeddb.pipeline.generation.model import BoundModel
from embeddb.records import Role, Vector
from embeddb.repository.queue.jobs import Claim, Jobs
from embeddb.repository.queue.workers import Workers
from embeddb.worker import Requests, Worker, WorkerOptions, WorkerReport
from tests.support.encoders import HashEncoder
from tests.support.faults import NAN, POISON, FragileEncoder, GatedEncoder
from tests.support.postgres import one, role, rows, terminate
from tests.support.workers import attach

DEADLINE_SECONDS = 30.0

TABLE = "CREATE TABLE public.articles (id bigint PRIMARY KEY, title text, body text)"
INSERT = "INSERT INTO articles (id, title, body) SELECT n, 'title', 'body ' || n FROM "
STORED = "SELECT id, content FROM embeddb.articles_g1 ORDER BY id::bigint, chunk_no"

BOTH = "title || E'\\n\\n' || body"


def options(**changes: object) -> WorkerOptions:
    given: dict[str, Any] = {"once": True, "retry_seconds": 0.05, "poll_seconds": 0.2}
    return WorkerOptions(**given | changes)


@pytest.fixture
def source(store: embeddb.Store) -> str:
    """A table of five rows."""
    rows(store.url, TABLE)
    rows(store.url, INSERT + "generate_series(1, 5) n")
    return store.url


def work(store: embeddb.Store, encoder: HashEncoder, **changes: object) -> WorkerReport:
    """Let a worker do all there is to do."""
    return Worker(store, options(**changes), encoders={"articles": encoder}).run()


def attach_again(store: embeddb.Store) -> None:
    """Have the collection read titles, too."""
    encoder = HashEncoder()
    attach(store, "articles", "title, body", name="articles", model=encoder, exist_ok=True)


def stored(url: str) -> dict[str, str]:
    return dict(rows(url, STORED))


def expected(url: str, text: str = "body") -> dict[str, str]:
    """Return what a full rebuild would store: every row that has a text, as one chunk."""
    found = rows(url, f"SELECT id::text, {text} FROM articles WHERE btrim({text}) <> ''")
    return dict(found)


@contextmanager
def running(
    store: embeddb.Store,
    encoder: HashEncoder | None = None,
    *,
    requests: Requests | None = None,
    **changes: object,
) -> Iterator[Worker]:
    """Let a worker run beside the test."""
    encoders = {"articles": encoder or HashEncoder()}
    worker = Worker(store, options(once=False, **changes), encoders=encoders, requests=requests)
    errors: list[BaseException] = []

    def run() -> None:
        try:
            worker.run()
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield worker
    finally:
        worker.stop()
        thread.join(DEADLINE_SECONDS)
        assert not thread.is_alive()
    if errors:
        raise errors[0]


def until(condition: Callable[[], object]) -> None:
    """Wait for something to become true."""
    end = time.monotonic() + DEADLINE_SECONDS
    while not condition():
        assert time.monotonic() < end, "it did not become true in time"
        time.sleep(0.01)


def test_existing_rows_are_filled_in(store: embeddb.Store, source: str) -> None:
    attach(store, "public.articles", "body", name="articles", model=HashEncoder())
    report = work(store, HashEncoder())
    assert (report.processed, report.encoded, report.failed) == (5, 5, 0)
    assert report.succeeded
    assert stored(source) == expected(source)
    counts = Jobs(store.database).counts()[0]
    assert counts.backfill_finished and counts.backfill_done == 5
    assert one(source, "SELECT count(*) FROM pg_indexes WHERE indexname = 'articles_g1_hnsw'") == 1


def test_what_did_not_change_is_not_encoded(store: embeddb.Store, source: str) -> None:
    attach(store, "public.articles", "body", name="articles", model=HashEncoder())
    work(store, HashEncoder())
    rows(source, "UPDATE articles SET body = body || ''")
    again = HashEncoder()
    assert work(store, again).encoded == 0
    assert again.texts == []
    assert one(source, "SELECT count(*) FROM embeddb.jobs") == 0


def test_only_the_chunks_that_changed_are_encoded(store: embeddb.Store, source: str) -> None:
    chunker = {"kind": "text", "max_tokens": 8, "overlap": 0}
    attach(store, "public.articles", "body", name="articles", model=HashEncoder(), chunker=chunker)
    paragraphs = [f"paragraph {n} has some words of its own." for n in range(6)]
    rows(source, "UPDATE articles SET body = %s WHERE id = 1", ["\n\n".join(paragraphs)])
    first = work(store, HashEncoder())
    paragraphs[3] = "another text is here now, in its place."
    rows(source, "UPDATE articles SET body = %s WHERE id = 1", ["\n\n".join(paragraphs)])
    second = work(store, HashEncoder())
    assert 0 < second.encoded < first.encoded / 2
    content = one(source, "SELECT body FROM articles WHERE id = 1")
    spans = "SELECT content, lower(span), upper(span) FROM embeddb.articles_g1 WHERE id = '1'"
    assert all(content[start:stop] == text for text, start, stop in rows(source, spans))


def test_a_row_without_text_has_no_chunks(store: embeddb.Store, source: str) -> None:
    attach(store, "public.articles", "body", name="articles", model=HashEncoder())
    work(store, HashEncoder())
    rows(source, "UPDATE articles SET body = NULL WHERE id = 1")
    rows(source, "UPDATE articles SET body = '  ' WHERE id = 2")
    assert work(store, HashEncoder()).succeeded
    assert stored(source).keys() == {"3", "4", "5"}


CHANGES = {
    "update": "UPDATE articles SET body = 'changed meanwhile' WHERE id = 3",
    "delete": "DELETE FROM articles WHERE id = 3",
    "key change": "UPDATE articles SET id = 300 WHERE id = 3",
    "truncate": "TRUNCATE articles",
    "replace": "DELETE FROM articles WHERE id = 3; INSERT INTO articles VALUES (3, 't', 'new')",
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_change_between_encoding_and_writing_is_not_lost(
    store: embeddb.Store, source: str, change: str
) -> None:
    attach(store, "public.articles", "body", name="articles", model=HashEncoder())

    def interfere(call: int) -> None:
        if call == 1:
            rows(source, change)

    report = work(store, GatedEncoder(interfere))
    assert stored(source) == expected(source)
    assert report.wasted >= 1
    assert one(source, "SELECT count(*) FROM embeddb.jobs") == 0


def test_what_was_read_before_attaching_again_is_not_written(
    store: embeddb.Store, source: str
) -> None:
    attach(store, "public.articles", "body", name="articles", model=HashEncoder())

    def interfere(call: int) -> None:
        if call == 1:
            attach_again(store)
            # every row is in the queue still, and needs no other job
            unfinished = "SELECT count(*) FROM embeddb.backfills WHERE finished_at IS NULL"
            until(lambda: one(source, unfinished) == 0)

    assert work(store, GatedEncoder(interfere)).wasted == 5
    assert stored(source) == expected(source, BOTH)


def test_an_open_transaction_of_the_application_delays_its_own_row_only(
    store: embeddb.Store, source: str
) -> None:
    attach(store, "public.articles", "body", name="articles", model=HashEncoder())
    work(store, HashEncoder())
    with running(store), psycopg.connect(source) as other:
        rows(source, "UPDATE articles SET body = 'first ' || id")
        until(lambda: stored(source) == expected(source))
        other.execute("UPDATE articles SET body = 'open' WHERE id = 3")
        rows(source, "UPDATE articles SET body = 'second ' || id WHERE id <> 3")
        until(lambda: stored(source) == expected(source))
        assert stored(source)["3"] == "first 3"
        other.rollback()
        other.execute("UPDATE articles SET body = 'committed' WHERE id = 3")
        other.commit()
        until(lambda: stored(source)["3"] == "committed")


def test_a_lease_is_renewed_while_the_model_takes_its_time(
    store: embeddb.Store, source: str
) -> None:
    attach(store, "public.articles", "body", name="articles", model=HashEncoder())
    id = int(one(source, "SELECT id FROM embeddb.collections"))
    taken: list[Claim | None] = []

    def outlast_the_lease(call: int) -> None:
        with store.database.open() as rival:
            for _ in range(10):
                time.sleep(0.1)
                taken.append(Jobs(store.database).claim(rival, id, limit=1, lease_seconds=60))

    report = work(store, GatedEncoder(outlast_the_lease), lease_seconds=0.4)
    assert taken == [None] * 10
    assert report.wasted == 0
    assert stored(source) == expected(source)


def test_one_bad_document_does_not_fail_its_batch(store: embeddb.Store, source: str) -> None:
    attach(store, "public.articles", "body", name="articles", model=FragileEncoder())
    rows(source, f"UPDATE articles SET body = '{POISON}' WHERE id = 2")
    rows(source, f"UPDATE articles SET body = '{NAN}' WHERE id = 4")
    report = work(store, FragileEncoder(), max_attempts=3)
    assert (report.processed, report.failed, report.retried) == (3, 2, 4)
    assert not report.succeeded
    assert stored(source).keys() == {"1", "3", "5"}
    failed = Jobs(store.database).failed("articles")
    assert {(job.key, job.attempts, job.error) for job in failed} == {
        ("2", 3, "EncodingError"),
        ("4", 3, "EncodingError"),
    }


def test_a_row_that_fails_for_good_keeps_no_old_chunks(store: embeddb.Store, source: str) -> None:
    attach(store, "public.articles", "body", name="articles", model=FragileEncoder())
    work(store, FragileEncoder())
    rows(source, f"UPDATE articles SET body = '{POISON}' WHERE id = 2")
    work(store, FragileEncoder(), max_attempts=1)
    assert stored(source).keys() == {"1", "3", "4", "5"}
    rows(source, "UPDATE articles SET body = 'mended' WHERE id = 2")
    assert Jobs(store.database).failed() == []
    assert work(store, FragileEncoder()).succeeded
    assert stored(source) == expected(source)


def test_a_failed_row_is_done_when_it_is_retried(store: embeddb.Store, source: str) -> None:
    attach(store, "public.articles", "body", name="articles", model=FragileEncoder())
    rows(source, f"UPDATE articles SET body = '{POISON}' WHERE id = 2")
    work(store, FragileEncoder(), max_attempts=1)
    assert Jobs(store.database).revive() == 1
    assert work(store, HashEncoder(name="hash")).succeeded
    assert stored(source) == expected(source)


def test_an_expression_that_fails_on_some_rows_fails_only_those(
    store: embeddb.Store, source: str
) -> None:
    expression = "body || (10 / (id - 3))::text"
    rows(source, "DELETE FROM articles WHERE id = 3")
    attach(store, "public.articles", expression, name="articles", model=HashEncoder())
    rows(source, "INSERT INTO articles VALUES (3, 'title', 'body 3')")
    report = work(store, HashEncoder(), max_attempts=2)
    assert (report.processed, report.failed) == (4, 1)
    failed = Jobs(store.database).failed()[0]
    assert (failed.key, failed.attempts) == ("3", 2)
    assert "division by zero" in failed.message


class Absent(HashEncoder):
    """A provider that is down until `there` is set."""

    def __init__(self) -> None:
        super().__init__(name="absent")
        self.there = threading.Event()

    def encode(self, texts: Sequence[str], role: Role = "document") -> Vector:
        if not self.there.is_set():
            raise ModelUnavailableError("the endpoint did not answer")
        return super().encode(texts, role)


def test_a_provider_that_is_down_delays_its_own_collection_only(
    store: embeddb.Store, source: str
) -> None:
    absent = Absent()
    attach(store, "public.articles", "body", name="articles", model=absent)
    attach(store, "public.articles", "body", name="others", model=HashEncoder())
    worker = Worker(
        store,
        options(once=False, retry_seconds=0.2),
        encoders={"articles": absent, "others": HashEncoder()},
    )
    thread = threading.Thread(target=worker.run)
    thread.start()
    try:
        until(lambda: one(source, "SELECT count(*) FROM embeddb.others_g1") == 5)
        counts = {one.name: one for one in Jobs(store.database).counts()}
        assert counts["articles"].pending == 5
        assert "did not answer" in str(counts["articles"].last_error)
        rows(source, "UPDATE articles SET body = 'changed ' || id")
        others = "SELECT count(*) FROM embeddb.others_g1 WHERE content LIKE 'changed%'"
        until(lambda: one(source, others) == 5)
        absent.there.set()
        until(lambda: stored(source) == expected(source))
    finally:
        worker.stop()
        thread.join(DEADLINE_SECONDS)
    assert Jobs(store.database).failed() == []


def test_once_gives_up_on_a_provider_that_is_down(store: embeddb.Store, source: str) -> None:
    absent = Absent()
    attach(store, "public.articles", "body", name="articles", model=absent)
    report = work(store, absent)
    assert not report.succeeded
    assert "did not answer" in report.problems["articles"]
    assert {job.attempts for job in Jobs(store.database).queued()} == {0}


def test_a_model_that_cannot_be_loaded_says_so(store: embeddb.Store, source: str) -> None:
    attach(store, "public.articles", "body", name="articles", model=HashEncoder())
    report = Worker(store, options()).run()
    assert "hash-64" in report.problems["articles"]
    assert "hash-64" in str(Jobs(store.database).counts()[0].last_error)


def test_another_model_of_the_same_name_is_refused(store: embeddb.Store, source: str) -> None:
    attach(store, "public.articles", "body", name="articles", model=HashEncoder())
    report = work(store, HashEncoder(dim=32))
    assert "cannot be compared" in report.problems["articles"]
    assert stored(source) == {}


def test_a_source_that_is_gone_says_so_and_loses_no_job(store: embeddb.Store, source: str) -> None:
    attach(store, "public.articles", "body", name="articles", model=HashEncoder())
    work(store, HashEncoder())
    rows(source, "UPDATE articles SET body = 'changed ' || id")
    rows(source, "ALTER VIEW embeddb.articles RENAME TO hidden")
    report = work(store, HashEncoder())
    assert "embeddb.articles" in report.problems["articles"]
    assert one(source, "SELECT count(*) FROM embeddb.jobs") == 5
    rows(source, "ALTER VIEW embeddb.hidden RENAME TO articles")
    assert work(store, HashEncoder()).succeeded
    assert stored(source) == expected(source)


def test_a_row_that_killed_its_worker_is_done_alone_and_then_given_up(
    store: embeddb.Store, source: str
) -> None:
    attach(store, "public.articles", "body", name="articles", model=HashEncoder())
    work(store, HashEncoder())
    rows(source, "UPDATE articles SET body = 'changed ' || id WHERE id = 3")
    jobs = Jobs(store.database)
    with store.database.open() as connection:
        id = int(one(source, "SELECT id FROM embeddb.collections"))
        for _ in range(5):  # as many workers that die
            assert jobs.claim(connection, id, limit=100, lease_seconds=0.02)
            time.sleep(0.05)
    report = work(store, HashEncoder(), max_attempts=5)
    assert (report.processed, report.failed) == (0, 1)
    failed = jobs.failed()[0]
    assert (failed.error, failed.key) == ("WorkerDiedError", "3")
    assert "5 times" in failed.message


def test_a_conversion_meanwhile_is_noticed_and_the_rows_written_to_the_new_form(
    store: embeddb.Store, source: str
) -> None:
    encoder = HashEncoder()
    attach(store, "public.articles", "body", name="articles", model=encoder)
    work(store, encoder)
    rows(source, "UPDATE articles SET body = 'changed ' || id")

    def convert(call: int) -> None:
        if call == 1:
            store.collection("articles", encoder=encoder).convert(storage="halfvec")

    assert work(store, GatedEncoder(convert)).succeeded
    assert dict(rows(source, STORED.replace("_g1", "_g2"))) == expected(source)


def test_a_wanted_conversion_is_carried_out_when_the_rows_are_in(
    store: embeddb.Store, source: str
) -> None:
    rows(source, INSERT + "generate_series(6, 600) n")
    encoder = HashEncoder()
    attach(
        store,
        "public.articles",
        "body",
        name="articles",
        model=encoder,
        transform="pca:16",
        storage="halfvec",
    )
    assert work(store, encoder).succeeded
    record = store.collection("articles", encoder=encoder).record
    assert record.generation.wanted is None
    assert record.generation.stored_dim == 16
    rows(source, "UPDATE articles SET body = 'changed ' || id WHERE id <= 3")
    assert work(store, encoder).succeeded
    assert dict(rows(source, STORED.replace("_g1", "_g2"))) == expected(source)


def test_a_running_worker_hears_of_changes_at_once(store: embeddb.Store, source: str) -> None:
    attach(store, "public.articles", "body", name="articles", model=HashEncoder())
    with running(store, poll_seconds=60):
        until(lambda: stored(source) == expected(source))
        started = time.monotonic()
        rows(source, "UPDATE articles SET body = 'fresh' WHERE id = 1")
        until(lambda: stored(source).get("1") == "fresh")
        assert time.monotonic() - started < 5


def test_a_running_worker_follows_what_is_attached_again(store: embeddb.Store, source: str) -> None:
    attach(store, "public.articles", "body", name="articles", model=HashEncoder())
    with running(store, poll_seconds=60):
        until(lambda: stored(source) == expected(source))
        started = time.monotonic()
        attach_again(store)
        until(lambda: stored(source) == expected(source, BOTH))
        assert time.monotonic() - started < 10


def test_a_collection_attached_later_is_taken_up(store: embeddb.Store, source: str) -> None:
    worker = Worker(store, options(once=False), encoders={"articles": HashEncoder()})
    thread = threading.Thread(target=worker.run)
    thread.start()
    try:
        attach(store, "public.articles", "body", name="articles", model=HashEncoder())
        until(lambda: stored(source) == expected(source))
    finally:
        worker.stop()
        thread.join(DEADLINE_SECONDS)


def test_a_worker_goes_on_after_its_connections_were_ended(
    store: embeddb.Store, source: str
) -> None:
    attach(store, "public.articles", "body", name="articles", model=HashEncoder())
    with running(store):
        until(lambda: stored(source) == expected(source))
        for number in range(3):
            assert terminate(source) > 0
            rows(source, "UPDATE articles SET body = %s || id::text", [f"round {number} "])
            until(lambda: stored(source) == expected(source))


def test_a_worker_tells_that_it_lives_and_leaves(store: embeddb.Store, source: str) -> None:
    attach(store, "public.articles", "body", name="articles", model=HashEncoder())
    workers = Workers(store.database)
    with running(store, lease_seconds=0.4):
        until(lambda: [one.processed for one in workers.all()] == [5])
        info = workers.all()[0]
        assert info.version == embeddb.__version__
        assert info.collections is None
        assert info.rates["articles"] > 0
    assert workers.all() == []


def test_a_schema_migrated_under_a_worker_stops_it(store: embeddb.Store, source: str) -> None:
    with (
        pytest.raises(SchemaOutdatedError, match="9999"),
        running(store, lease_seconds=0.4) as worker,
    ):
        until(lambda: worker.healthy)
        rows(source, "UPDATE embeddb.alembic_version SET version_num = '9999'")
        until(lambda: not worker.healthy)


def test_a_worker_on_a_database_refuses_a_schema_of_another_version(store: embeddb.Store) -> None:
    rows(store.url, "UPDATE embeddb.alembic_version SET version_num = '0001'")
    with pytest.raises(SchemaOutdatedError, match="embeddb migrate"):
        Worker(PooledDatabase(store.url), options()).run()


def test_a_worker_on_a_database_loads_models_by_the_settings_of_the_environment(
    store: embeddb.Store, source: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = "python:tests.support.encoders:encode"
    settings = EncoderSettings(python_models=("tests.support.encoders",))
    encoder = load_encoder(model, settings=settings)
    attach(store, "public.articles", "body", name="articles", model=encoder)
    with closing(PooledDatabase(source)) as database:
        refused = Worker(database, options()).run()
        assert "EMBEDDB_PYTHON_MODELS" in refused.problems["articles"]
        monkeypatch.setenv("EMBEDDB_PYTHON_MODELS", "tests.support.encoders")
        assert Worker(database, options()).run().succeeded
    assert stored(source) == expected(source)


def test_a_worker_on_a_store_uses_the_models_that_the_store_has_loaded(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EMBEDDB_PYTHON_MODELS", "tests.support.encoders")
    rows(database, TABLE)
    with embeddb.connect(database) as store:
        name = "python:tests.support.encoders:encode"
        made = attach(store, "public.articles", "body", name="articles", model=name)
        assert Worker(store, options()).model("articles").encoder is made.encoder


def test_a_collection_that_is_not_attached_is_an_error(store: embeddb.Store) -> None:
    store.create_collection("own", model=None, dim=3)
    with pytest.raises(CollectionNotFoundError, match="own"):
        Worker(store, options(collections=("own",))).run()


def test_texts_of_sql_functions_are_answered_by_whoever_is_given(
    store: embeddb.Store, source: str
) -> None:
    attach(store, "public.articles", "body", name="articles", model=HashEncoder())
    rows(source, "CREATE TABLE public.asked (text text, answer float8[])")

    def serve(connection: Connection, model: Callable[[str], BoundModel]) -> None:
        found = connection.execute("SELECT text FROM asked WHERE answer IS NULL").fetchall()
        for (text,) in found:
            vector = model("articles").query(text).tolist()
            update = "UPDATE asked SET answer = %s WHERE text = %s"
            connection.execute(update, [vector, text])

    with running(store, requests=serve):
        rows(source, "INSERT INTO asked VALUES ('body 3', NULL); NOTIFY embeddb_encode")
        until(lambda: one(source, "SELECT count(*) FROM asked WHERE answer IS NOT NULL"))
    vector = np.array(one(source, "SELECT answer FROM asked"), dtype=np.float32)
    assert np.allclose(vector, HashEncoder().encode(["body 3"])[0], atol=1e-6)


def test_a_row_deleted_while_the_backfill_enqueues_it_leaves_no_chunk(
    store: embeddb.Store, source: str
) -> None:
    attach(store, "public.articles", "body", name="articles", model=HashEncoder())
    with psycopg.connect(source) as other:
        other.execute("DELETE FROM articles WHERE id = 3")
        other.execute("UPDATE articles SET id = 40 WHERE id = 4")
        with running(store, batch=2):  # sees the rows as they still are to everybody else
            time.sleep(0.5)
            rows(source, INSERT + "generate_series(50, 52) n")
            until(lambda: {"50", "51", "52"} <= stored(source).keys())
            other.commit()
            until(lambda: Jobs(store.database).counts()[0].backfill_finished)
            until(lambda: one(source, "SELECT count(*) FROM embeddb.jobs") == 0)
    assert stored(source) == expected(source)


def test_a_collection_that_is_detached_meanwhile_is_let_go(
    store: embeddb.Store, source: str
) -> None:
    attach(store, "public.articles", "body", name="articles", model=HashEncoder())

    def detach(call: int) -> None:
        if call == 1:
            store.detach("articles")

    with running(store, GatedEncoder(detach), build_indexes=False) as worker:
        until(lambda: one(source, "SELECT count(*) FROM embeddb.collections") == 0)
        time.sleep(0.5)
        rows(source, "UPDATE articles SET body = 'changed'")
        assert worker.healthy


def test_a_role_that_row_security_hides_rows_from_removes_nothing(
    store: embeddb.Store, source: str
) -> None:
    attach(store, "public.articles", "body", name="articles", model=HashEncoder())
    work(store, HashEncoder())
    rows(source, "ALTER TABLE articles ENABLE ROW LEVEL SECURITY")
    rows(source, "UPDATE articles SET body = 'changed ' || id")
    grants = (
        "GRANT USAGE ON SCHEMA embeddb TO {}",
        "GRANT SELECT ON ALL TABLES IN SCHEMA embeddb TO {}",
        "GRANT INSERT, UPDATE, DELETE ON embeddb.jobs, embeddb.failed_jobs, embeddb.backfills, "
        "embeddb.reconciliations, "
        "embeddb.workers, embeddb.articles_g1 TO {}",
        "GRANT SELECT ON articles TO {}",
    )
    with role(source, *grants) as url, embeddb.connect(url) as own:
        report = work(own, HashEncoder(), build_indexes=False)
        assert "BYPASSRLS" in report.problems["articles"]
        assert len(stored(source)) == 5
        rows(source, "ALTER TABLE articles DISABLE ROW LEVEL SECURITY")
        assert work(own, HashEncoder(), build_indexes=False).succeeded
    assert stored(source) == expected(source)
