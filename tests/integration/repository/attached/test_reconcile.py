"""Chunks and rows that no trigger noticed: found, removed, enqueued, whoever does it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest

import embeddb
from embeddb.errors import ConfigurationError, PermissionDeniedError
from embeddb.repository.attached import reconcile
from embeddb.repository.attached.reconcile import Reconciler
from embeddb.worker import Worker, WorkerOptions, WorkerReport
from tests.support.cli import run
from tests.support.encoders import HashEncoder
from tests.support.postgres import one, role, rows
from tests.support.workers import attach

STORED = "SELECT id, content FROM embeddb.notes_g1 ORDER BY id"


@contextmanager
def unnoticed(url: str) -> Iterator[psycopg.Connection]:
    """Yield a connection whose writes fire no triggers."""
    with psycopg.connect(url) as connection:
        connection.execute("SET session_replication_role = replica")
        yield connection


def url_role(url: str) -> str:
    """Return the role that a URL connects as."""
    return str(psycopg.conninfo.conninfo_to_dict(url)["user"])


def work(store: embeddb.Store, **options: object) -> WorkerReport:
    given = WorkerOptions(once=True, poll_seconds=0.2, **options)  # type: ignore[arg-type]
    return Worker(store, given, encoders={"notes": HashEncoder()}).run()


@pytest.fixture
def notes(store: embeddb.Store) -> embeddb.Collection:
    rows(
        store.url,
        "CREATE TABLE public.notes (id int PRIMARY KEY, body text, live bool DEFAULT true)",
    )
    rows(store.url, "INSERT INTO notes SELECT i, 'note ' || i FROM generate_series(1, 20) i")
    encoder = HashEncoder()
    found = attach(store, "notes", "body", name="notes", model=encoder, index=None, where="live")
    work(store)
    return found


@pytest.mark.parametrize("size", [5_000, 3, 1])
def test_what_no_trigger_noticed_is_mended(
    store: embeddb.Store, notes: embeddb.Collection, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reconcile, "PAGE_ROWS", size)
    monkeypatch.setattr("embeddb.collection.reconciliation.PAGE_ROWS", size)
    with unnoticed(store.url) as connection:
        connection.execute("DELETE FROM notes WHERE id <= 5")
        connection.execute("UPDATE notes SET body = 'changed' WHERE id IN (6, 7)")
        connection.execute("UPDATE notes SET body = body || ' and more' WHERE id = 8")
        connection.execute("UPDATE notes SET live = false WHERE id = 9")
        connection.execute("UPDATE notes SET body = NULL WHERE id = 10")
        connection.execute(
            "INSERT INTO notes VALUES (100, 'missed', true), (101, NULL, true), (102, 'x', false)"
        )
    before = rows(store.url, STORED)
    planned = notes.reconcile(dry_run=True)
    assert (planned.removed, planned.enqueued) == (6, 5)
    assert rows(store.url, STORED) == before
    done = notes.reconcile()
    assert (done.removed, done.enqueued) == (6, 5)
    assert done.looked_at == planned.looked_at
    assert work(store).encoded == 4
    wanted = rows(
        store.url, "SELECT id::text, body FROM notes WHERE live AND body IS NOT NULL ORDER BY 1"
    )
    assert sorted(rows(store.url, STORED)) == sorted(wanted)
    again = notes.reconcile()
    assert (again.removed, again.enqueued) == (0, 0)
    assert one(store.url, "SELECT count(*) FROM embeddb.jobs") == 0


def test_attaching_again_has_a_worker_compare(
    store: embeddb.Store, notes: embeddb.Collection
) -> None:
    with unnoticed(store.url) as connection:
        connection.execute("DELETE FROM notes WHERE id <= 5")
    attach(store, "notes", "body", name="notes", model=HashEncoder(), where="live", exist_ok=True)
    assert work(store, reconcile_seconds=0).encoded == 0
    assert one(store.url, "SELECT count(*) FROM embeddb.notes_g1") == 15


def test_a_worker_compares_when_it_is_time(store: embeddb.Store, notes: embeddb.Collection) -> None:
    with unnoticed(store.url) as connection:
        connection.execute("DELETE FROM notes WHERE id <= 5")
    work(store)
    assert one(store.url, "SELECT count(*) FROM embeddb.notes_g1") == 20, "it is not yet time"
    work(store, reconcile_seconds=0.001)
    assert one(store.url, "SELECT count(*) FROM embeddb.notes_g1") == 15


def test_an_interrupted_comparison_goes_on(
    store: embeddb.Store, notes: embeddb.Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reconcile, "PAGE_ROWS", 6)
    with unnoticed(store.url) as connection:
        connection.execute("DELETE FROM notes WHERE id <= 5")
    reconciler = Reconciler(store.database, notes.record)
    with store.database.dedicated() as connection:
        number = reconciler.id(connection)
        reconciler.request(connection)
        first = reconciler.step(connection, number)
        assert first is not None and first.looked_at == 6 and not first.finished
    done = notes.reconcile()
    # 20 documents with chunks, then 15 rows: nothing was looked at twice
    assert (done.looked_at, done.removed, done.enqueued) == (35, 5, 0)


def test_a_row_that_comes_back_keeps_its_chunks(
    store: embeddb.Store, notes: embeddb.Collection
) -> None:
    with unnoticed(store.url) as connection:
        connection.execute("DELETE FROM notes WHERE id = 1")
    with psycopg.connect(store.url) as application:
        application.execute("INSERT INTO notes VALUES (1, 'note 1')")
        reconciler = Reconciler(store.database, notes.record)
        with store.database.dedicated() as connection:
            number = reconciler.id(connection)
            reconciler.request(connection)
            with pytest.raises(psycopg.errors.LockNotAvailable):
                reconciler.step(connection, number)
    done = notes.reconcile()
    assert done.removed == 0
    work(store)
    assert len(notes.search(HashEncoder().encode(["note 1"])[0], limit=20)) == 20


def test_the_command_repairs_and_doctor_asks_for_it(
    store: embeddb.Store, notes: embeddb.Collection
) -> None:
    assert "nothing to repair" in run("repair", "notes", dsn=store.url).stdout
    with unnoticed(store.url) as connection:
        connection.execute("DELETE FROM notes WHERE id <= 5")
        connection.execute("INSERT INTO notes VALUES (100, 'missed')")
    messages = [finding.message for finding in store.doctor().findings if finding.level == "fail"]
    assert any("rows that are gone: 5" in message for message in messages)
    assert any("without chunks" in message for message in messages)
    planned = run("repair", "--all", "--dry-run", dsn=store.url)
    assert "would remove 5 documents and enqueue 1 rows" in planned.stdout
    assert run("repair", "notes", dsn=store.url).returncode == 0
    assert not [finding for finding in store.doctor().findings if finding.level == "fail"]


def test_nothing_is_taken_for_gone_that_is_hidden(
    store: embeddb.Store, notes: embeddb.Collection
) -> None:
    rows(store.url, "ALTER TABLE notes ENABLE ROW LEVEL SECURITY")
    attach(store, "notes", "body", name="notes", model=HashEncoder(), where="live", exist_ok=True)
    with role(store.url) as url:
        store.grant("worker", url_role(url), with_source=True)
        shown = one(store.url, "SELECT policyname FROM pg_policies WHERE tablename = 'notes'")
        rows(store.url, f"DROP POLICY {shown} ON notes")
        with embeddb.connect(url) as other, pytest.raises(PermissionDeniedError):
            other.collection("notes").reconcile()
    assert one(store.url, "SELECT count(*) FROM embeddb.notes_g1") == 20


def test_texts_of_odd_white_space_and_documents_are_no_difference(store: embeddb.Store) -> None:
    rows(store.url, "CREATE TABLE public.notes (id int PRIMARY KEY, body text)")
    odd = ("\x1c\x1d", "\x85", "\xa0", " a\xa0", "b\x1f", "c \r\n", "\ufeffd", "e\x0b")
    for number, body in enumerate(odd):
        rows(store.url, "INSERT INTO notes VALUES (%s, %s)", (number, body))
    notes = attach(store, "notes", "body", name="notes", model=HashEncoder(), index=None)
    work(store)
    assert notes.reconcile().enqueued == 0
    rows(store.url, "CREATE TABLE public.pages (id int PRIMARY KEY, body text)")
    rows(store.url, "INSERT INTO pages VALUES (1, '<p>Tea <b>wants</b> it.</p>'), (2, '<p></p>')")
    encoder = HashEncoder()
    pages = attach(
        store, "pages", "body", name="pages", model=encoder, index=None, media_type="text/html"
    )
    given = WorkerOptions(once=True, poll_seconds=0.2)
    Worker(store, given, encoders={"pages": encoder, "notes": encoder}).run()
    assert pages.count_chunks() == 1
    assert pages.reconcile().enqueued <= 1, "at most the page without text is looked at again"
    assert not [finding for finding in store.doctor().findings if finding.level == "fail"]


def test_documents_of_embeddb_s_own_are_compared_with_nothing(store: embeddb.Store) -> None:
    docs = store.create_collection("docs", model=HashEncoder())
    with pytest.raises(ConfigurationError, match="attached to no table"):
        docs.reconcile()
