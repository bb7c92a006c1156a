"""A text in SQL, encoded by a running worker, and what is said where there is none."""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import psycopg
import pytest

import embeddb
from embeddb.errors import EncodingError, QueryEncoderError
from embeddb.records import ModelInfo, Role, Vector
from tests.support.encoders import HashEncoder
from tests.support.postgres import one, role, rows, session
from tests.support.query_workers import answering

GRANTS = (
    "GRANT USAGE ON SCHEMA embeddb TO {}",
    "GRANT SELECT ON ALL TABLES IN SCHEMA embeddb TO {}",
    "GRANT EXECUTE ON FUNCTION embeddb.encode_by_worker(bigint, text, integer) TO {}",
)
SEARCH = "SELECT id, encoder FROM embeddb.docs_search(%s, 2)"


@pytest.fixture
def docs(store: embeddb.Store) -> embeddb.Collection:
    docs = store.create_collection("docs", model=HashEncoder())
    docs.add(
        {"id": f"d{i}", "content": f"text number {i}", "metadata": {"n": i}} for i in range(30)
    )
    return docs


def test_a_worker_s_answers_are_those_of_the_python_door(
    store: embeddb.Store, docs: embeddb.Collection
) -> None:
    with answering(store, HashEncoder()):
        for text in ("number 7", "text 3 'quoted' \\ \"and\" %s {} $1", "Zoë 日本 🎉"):
            found = rows(
                store.url,
                "SELECT id, distance, encoder FROM embeddb.docs_search(%s, 5, %s)",
                [text, '{"n": {"$lt": 20}}'],
            )
            hits = docs.search(text, 5, filter={"n": {"$lt": 20}})
            assert [row[0] for row in found] == [hit.id for hit in hits]
            assert [row[1] for row in found] == pytest.approx([hit.distance for hit in hits])
            assert {row[2] for row in found} == {"worker"}
            named = rows(
                store.url,
                "SELECT id, distance, encoder FROM embeddb.search('docs', %s, 5, %s)",
                [text, '{"n": {"$lt": 20}}'],
            )
            assert named == found
            vector = one(store.url, "SELECT embeddb.encode('docs', %s)::real[]", [text])
            assert vector == pytest.approx(HashEncoder().encode([text])[0].tolist())
    assert one(store.url, "SELECT count(*) FROM embeddb.encode_requests") == 0


def test_a_literal_of_a_vector_is_a_vector(store: embeddb.Store, docs: embeddb.Collection) -> None:
    literal = str(HashEncoder().encode(["number 7"])[0].tolist())
    found = rows(store.url, "SELECT id, encoder FROM embeddb.docs_search(%s, 1)", [literal])
    assert found == [("d7", "none")]
    typed = "SELECT id FROM embeddb.docs_search(%s::vector, 1)"
    assert rows(store.url, typed, [literal]) == [("d7",)]
    with pytest.raises(psycopg.Error, match="The query has 2 dimensions"):
        rows(store.url, "SELECT * FROM embeddb.docs_search('[0.1,0.2]', 10)")


def test_an_answer_is_kept_for_who_asks_the_same(
    store: embeddb.Store, docs: embeddb.Collection
) -> None:
    encoder = HashEncoder()
    with answering(store, encoder):
        for _ in range(3):
            assert rows(store.url, SEARCH, ["number 7"])[0] == ("d7", "worker")
    assert encoder.texts == ["number 7"]
    assert rows(store.url, SEARCH, ["number 7"])[0] == ("d7", "worker")  # and without a worker


def test_no_more_is_kept_than_the_bound(store: embeddb.Store, docs: embeddb.Collection) -> None:
    with answering(store, HashEncoder()):
        for number in range(30):
            rows(store.url, SEARCH, [f"number {number}"])
    with answering(store, HashEncoder(), cache_rows=10):
        pass
    assert one(store.url, "SELECT count(*) FROM embeddb.encoded_queries") == 10


@pytest.mark.parametrize("isolation", ["READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE"])
def test_every_isolation_level_sees_the_answer(
    store: embeddb.Store, docs: embeddb.Collection, isolation: str
) -> None:
    with answering(store, HashEncoder()), session(store.url) as connection:
        connection.execute(f"BEGIN ISOLATION LEVEL {isolation}".encode())
        connection.execute("SELECT count(*) FROM embeddb.docs")
        assert connection.execute(SEARCH, ["number 7"]).fetchone() == ("d7", "worker")
        assert connection.execute(SEARCH, ["number 8"]).fetchone() == ("d8", "worker")
        connection.execute("ROLLBACK")
        connection.execute("BEGIN READ ONLY")
        assert connection.execute(SEARCH, ["number 9"]).fetchone() == ("d9", "worker")
        connection.execute("COMMIT")


def test_a_default_isolation_of_the_database_changes_nothing(
    store: embeddb.Store, docs: embeddb.Collection
) -> None:
    name = one(store.url, "SELECT current_database()")
    rows(
        store.url,
        f"ALTER DATABASE {name} SET default_transaction_isolation TO 'repeatable read'",
    )
    with answering(store, HashEncoder()):
        assert rows(store.url, SEARCH, ["number 7"])[0] == ("d7", "worker")


def test_a_reader_may_ask_and_sees_nobody_s_texts(
    store: embeddb.Store, docs: embeddb.Collection
) -> None:
    rows(store.url, "INSERT INTO embeddb.encode_requests (collection_id, text) VALUES (0, 'mine')")
    with role(store.url, *GRANTS) as url, answering(store, HashEncoder()):
        assert rows(url, SEARCH, ["number 7"])[0] == ("d7", "worker")
        assert rows(url, "SELECT * FROM embeddb.encode_requests") == []
        for statement in (
            "INSERT INTO embeddb.encode_requests (collection_id, text) VALUES (0, 'x')",
            "DELETE FROM embeddb.encoded_queries",
            "CALL embeddb.await_encoding(1, 'x', 10, NULL, NULL)",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                rows(url, statement)
        with session(url) as connection:
            connection.execute(SEARCH, ["number 8"])
            (open_ones,) = connection.execute("SELECT dblink_get_connections()").fetchone() or ()
            assert not open_ones  # one would be the reader's to use, with the owner's rights


def test_nobody_there_is_said_at_once(store: embeddb.Store, docs: embeddb.Collection) -> None:
    for mode in ("auto", "worker"):
        started = time.monotonic()
        with pytest.raises(psycopg.Error, match="No worker is running") as caught:
            rows(store.url, "SELECT embeddb.encode('docs', 'number 7', %s)", [mode])
        assert time.monotonic() - started < 2
        assert caught.value.sqlstate == "ED002"
        assert "embeddb worker" in (caught.value.diag.message_hint or "")
    with pytest.raises(QueryEncoderError, match="worker"), store.database.transaction() as opened:
        opened.execute("SELECT embeddb.encode('docs', 'number 7')")


def test_a_worker_for_other_collections_does_not_count(
    store: embeddb.Store, docs: embeddb.Collection
) -> None:
    store.create_collection("more", model=HashEncoder())
    with answering(store, HashEncoder(), collections=["more"]):
        with pytest.raises(psycopg.Error, match="No worker is running"):
            rows(store.url, SEARCH, ["number 7"])
        assert rows(store.url, "SELECT * FROM embeddb.more_search('number 7')") == []
    with answering(store, HashEncoder(), collections=["docs"]):
        assert rows(store.url, SEARCH, ["number 7"])[0] == ("d7", "worker")


class SlowEncoder(HashEncoder):
    def encode(self, texts: Sequence[str], role: Role = "document") -> Vector:
        time.sleep(2)
        return super().encode(texts, role)


@pytest.mark.parametrize("setting", ["200", "200ms", "0.2 s"])
def test_a_worker_that_is_slow_is_waited_for_no_longer_than_said(
    store: embeddb.Store, docs: embeddb.Collection, setting: str
) -> None:
    with answering(store, SlowEncoder()), session(store.url) as connection:
        connection.execute("SELECT set_config('embeddb.encode_timeout', %s, false)", [setting])
        started = time.monotonic()
        with pytest.raises(psycopg.Error, match="No worker answered within 200 ms") as caught:
            connection.execute(SEARCH, ["number 7"])
        assert time.monotonic() - started < 1.5
        assert caught.value.sqlstate == "ED002"
        connection.execute("SET embeddb.encode_timeout TO 'soon'")
        with pytest.raises(psycopg.Error, match="which is no time"):
            connection.execute(SEARCH, ["number 8"])


class FailingEncoder(HashEncoder):
    def encode(self, texts: Sequence[str], role: Role = "document") -> Vector:
        raise EncodingError("the model is full")


def test_what_the_model_says_is_said(store: embeddb.Store, docs: embeddb.Collection) -> None:
    with (
        answering(store, FailingEncoder()),
        pytest.raises(psycopg.Error, match="EncodingError: the model is full"),
    ):
        rows(store.url, SEARCH, ["number 7"])


def test_a_text_that_the_model_fails_on_holds_up_no_other(
    store: embeddb.Store, docs: embeddb.Collection
) -> None:
    class Picky(HashEncoder):
        def encode(self, texts: Sequence[str], role: Role = "document") -> Vector:
            if any("poison" in text for text in texts):
                raise EncodingError("it is poison")
            return super().encode(texts, role)

    def ask(text: str) -> str:
        try:
            return str(rows(store.url, SEARCH, [text])[0][0])
        except psycopg.Error as error:
            return str(error)

    texts = [f"number {n}" for n in range(7)] + ["poison"]
    with answering(store, Picky()), ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(ask, texts))
    assert answers[:-1] == [f"d{n}" for n in range(7)]
    assert "EncodingError: it is poison" in answers[-1]


def test_a_text_longer_than_the_model_reads_is_read_to_its_end(
    store: embeddb.Store, docs: embeddb.Collection
) -> None:
    class Short(HashEncoder):
        @property
        def info(self) -> ModelInfo:
            return replace(super().info, max_tokens=8)

        def encode(self, texts: Sequence[str], role: Role = "document") -> Vector:
            return super().encode([text[:24] for text in texts], role)

    text = "many words before it, and more of them: text number 7"
    with answering(store, Short()):
        vector = one(store.url, "SELECT embeddb.encode('docs', %s)::real[]", [text])
    own = store.collection("docs", encoder=Short())
    assert own.search(text, 1) == own.search(vector, 1)
    assert own.search(text, 1)[0].id == "d7"


@pytest.mark.parametrize(
    ("call", "words"),
    [
        ("embeddb.encode('nope', 'a')", "no collection 'nope'"),
        ("embeddb.encode('docs', '  ')", "no words"),
        ("embeddb.encode('docs', NULL)", "no words"),
        ("embeddb.encode('docs', 'a', 'magic')", "auto, worker or sql, not 'magic'"),
        ("embeddb.encode('docs', 'a', 'sql')", "has no SQL encoder"),
        ("embeddb.encode('own', 'a')", "has no model"),
    ],
)
def test_a_wrong_argument_is_named(
    store: embeddb.Store, docs: embeddb.Collection, call: str, words: str
) -> None:
    store.create_collection("own", model=None, dim=3)
    with pytest.raises(psycopg.Error) as caught:
        rows(store.url, "SELECT " + call)
    assert words in str(caught.value)


def test_without_dblink_it_is_said_what_to_do(
    store: embeddb.Store, docs: embeddb.Collection
) -> None:
    rows(store.url, "DROP EXTENSION dblink")
    with answering(store, HashEncoder()), pytest.raises(psycopg.Error) as caught:
        rows(store.url, SEARCH, ["number 7"])
    assert "CREATE EXTENSION dblink" in (caught.value.diag.message_hint or "")
    assert embeddb.migrate(store.url).before == embeddb.migrate(store.url).after


def test_a_huge_text_is_bounded(store: embeddb.Store, docs: embeddb.Collection) -> None:
    encoder = HashEncoder()
    told: list[str] = []
    with answering(store, encoder), session(store.url) as connection:
        connection.add_notice_handler(lambda notice: told.append(notice.message_primary or ""))
        assert connection.execute(SEARCH, ["number 7 " + "x" * 3_000_000]).fetchall()
    assert len(told) == 1
    assert "longer than the 100000 characters" in told[0]
    assert [len(text) for text in encoder.texts] == [100_000]


def test_a_text_that_no_sql_can_hold_never_comes_to_the_server(store: embeddb.Store) -> None:
    with pytest.raises(psycopg.DataError):
        rows(store.url, SEARCH, ["a\0b"])


def test_many_ask_at_once(store: embeddb.Store, docs: embeddb.Collection) -> None:
    def ask(number: int) -> Any:  # noqa: ANN401
        return rows(store.url, SEARCH, [f"number {number % 30}"])[0]

    with answering(store, HashEncoder()), ThreadPoolExecutor(8) as threads:
        assert list(threads.map(ask, range(60))) == [(f"d{n % 30}", "worker") for n in range(60)]


def test_an_own_schema_has_its_own_workers(store: embeddb.Store) -> None:
    embeddb.migrate(store.url, schema='My "own"; 100%')
    with embeddb.connect(store.url, schema='My "own"; 100%') as other:
        docs = other.create_collection("docs", model=HashEncoder())
        docs.add([("a", "a cat"), ("b", "a dog")])
        statement = 'SELECT id, encoder FROM "My ""own""; 100%%".docs_search(%s, 1)'
        with (
            answering(store, HashEncoder()),
            pytest.raises(psycopg.Error, match="No worker"),
        ):
            rows(store.url, statement, ["a cat"])
        with answering(other, HashEncoder(), schema='My "own"; 100%'):
            assert rows(store.url, statement, ["a cat"]) == [("a", "worker")]
