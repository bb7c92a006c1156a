"""Several writers of the same documents at once."""

from __future__ import annotations

import multiprocessing
import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import embeddb
from tests.support.encoders import HashEncoder
from tests.support.postgres import check_chunks, rows, session, stored_chunks

DOCUMENTS = 1000


def _write(url: str, writer: int, start: threading.Barrier) -> None:
    order = list(range(DOCUMENTS))
    random.Random(writer).shuffle(order)
    with embeddb.connect(url) as store:
        docs = store.collection("docs", encoder=HashEncoder())
        start.wait()
        for round in range(3):
            report = docs.ingest(
                {
                    "id": f"d{i}",
                    "content": f"text {i} by {writer}" if i % 3 else f"text {i}",
                    "metadata": {"writer": writer, "round": round},
                }
                for i in order
            )
            assert report.failed == 0


def test_two_processes_may_ingest_the_same_documents(store: embeddb.Store) -> None:
    store.create_collection("docs", model=HashEncoder())
    context = multiprocessing.get_context("spawn")
    start = context.Barrier(2)
    writers = [context.Process(target=_write, args=(store.url, n, start)) for n in range(2)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert [writer.exitcode for writer in writers] == [0, 0]
    check_chunks(store.url, "docs")
    assert store.sizes("docs")[:2] == (DOCUMENTS, DOCUMENTS)
    vectors = {row[0]: row[6] for row in stored_chunks(store.url, "docs")}
    contents = rows(store.url, "SELECT id, content FROM embeddb.docs")
    expected = HashEncoder().encode([content for _, content in contents])
    for (id, _), vector in zip(contents, expected, strict=True):
        stored = [float(number) for number in vectors[id][1:-1].split(",")]
        assert max(abs(a - b) for a, b in zip(stored, vector.tolist(), strict=True)) < 1e-6


def test_writers_in_opposite_order_do_not_stop_each_other(store: embeddb.Store) -> None:
    docs = store.create_collection("docs", model=HashEncoder())
    source = [{"id": f"d{i}", "content": f"text {i}"} for i in range(800)]
    for round in range(4):
        orders = [source, source[::-1]]

        def ingest(order: list[dict[str, str]], round: int = round) -> embeddb.IngestReport:
            other = store.collection("docs", encoder=HashEncoder())
            documents = [d | {"metadata": {"round": round, "by": order[0]["id"]}} for d in order]
            half = len(documents) // 2  # the text of one half changes, the metadata of the other
            for document in documents[:half]:
                document["content"] = f"{document['content']} {round} {order[0]['id']}"
            return other.ingest(documents)

        with ThreadPoolExecutor(2) as threads:
            assert all(report.failed == 0 for report in threads.map(ingest, orders))
    assert docs.count() == 800
    check_chunks(store.url, "docs")


def test_a_delete_that_waits_for_a_writer_leaves_no_chunk_behind(store: embeddb.Store) -> None:
    docs = store.create_collection("docs", model=HashEncoder())
    docs.ingest([("a", "a cat"), ("b", "a dog")])
    with session(store.url) as writer, ThreadPoolExecutor(1) as threads:
        with writer.transaction():
            writer.execute("UPDATE embeddb.docs SET content = 'a lion' WHERE id = 'a'")
            writer.execute("DELETE FROM embeddb.docs_g1 WHERE id = 'a'")
            writer.execute(
                "INSERT INTO embeddb.docs_g1 "
                "(id, chunk_no, content, span, content_hash, embedding) "
                "SELECT 'a', n, 'a lion', '[0,6)', content_hash, embedding "
                "FROM embeddb.docs_g1, generate_series(0, 3) n WHERE id = 'b'"
            )
            deletion = threads.submit(docs.delete, ids=["a"])
            _wait_for_lock(store.url)
        assert deletion.result() == 1
    assert [row[0] for row in stored_chunks(store.url, "docs")] == ["b"]


def _wait_for_lock(url: str) -> None:
    statement = (
        "SELECT FROM pg_stat_activity "
        "WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )
    while not rows(url, statement):
        time.sleep(0.01)
