"""Chunks whose row went without a trigger's notice never take the places of others."""

from __future__ import annotations

from typing import Any

import numpy as np
import psycopg
import pytest
import sqlalchemy as sa
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

import embeddb
from embeddb import HNSW, IVFPQ, IVFFlat
from embeddb.schema.indexes import IndexSpec
from embeddb.sqlalchemy import Embedding
from embeddb.worker import Worker, WorkerOptions
from tests.support.encoders import HashEncoder
from tests.support.postgres import rows
from tests.support.workers import attach

OLD, NEW = 300, 300
INDEXES: tuple[IndexSpec | None, ...] = (
    None,
    HNSW(),
    IVFFlat(lists=4, probes=4),
    IVFPQ(lists=4, subvectors=4, probes=4),
)


def _fill(url: str) -> None:
    rows(
        url,
        "CREATE TABLE public.events (id int, at date, body text, PRIMARY KEY (id, at)) "
        "PARTITION BY RANGE (at)",
    )
    for year in (2024, 2025):
        rows(
            url,
            f"CREATE TABLE public.events_{year} PARTITION OF events "
            f"FOR VALUES FROM ('{year}-01-01') TO ('{year + 1}-01-01')",
        )
    insert = (
        "INSERT INTO events SELECT i, date '{}-01-01' + i, '{} ' || i FROM generate_series(1, {}) i"
    )
    rows(url, insert.format(2024, "old boats", OLD))
    rows(url, insert.format(2025, "new cars and boats", NEW))


def _vector(text: str) -> list[float]:
    return [float(number) for number in HashEncoder().encode([text])[0]]


@pytest.mark.parametrize("index", INDEXES, ids=["exact", "hnsw", "ivfflat", "ivfpq"])
def test_a_dropped_partition_takes_no_places(store: embeddb.Store, index: IndexSpec | None) -> None:
    _fill(store.url)
    encoder = HashEncoder()
    docs = attach(store, "events", "body", name="events", model=encoder, index=index)
    Worker(store, WorkerOptions(once=True), encoders={"events": encoder}).run()
    rows(store.url, "DROP TABLE events_2024")
    # the very vectors of rows that are gone: all that is nearest is an orphan
    asked = _vector("old boats 7")
    assert len(docs.search(asked, limit=10)) == 10
    assert len(docs.search(asked, limit=10, exact=True)) == 10
    assert len(docs.search(asked, limit=10, filter={})) == 10
    found = rows(
        store.url, "SELECT count(*) FROM embeddb.events_search(%s::vector, 10)", (str(asked),)
    )
    assert found == [(10,)]
    named = rows(store.url, "SELECT count(*) FROM embeddb.search('events', %s, 10)", (str(asked),))
    assert named == [(10,)]
    similar = docs.similar('["7", "2025-01-08"]', limit=10)
    assert len(similar) == 10 and all("new" in (hit.content or "") for hit in similar)
    true = sorted(
        (float(1 - np.dot(asked, encoder.encode([f"new cars and boats {i}"])[0])), i)
        for i in range(1, NEW + 1)
    )
    hits = docs.search(asked, limit=10)
    assert [round(hit.distance, 4) for hit in hits] == [round(d, 4) for d, _ in true[:10]]


@pytest.mark.parametrize("index", INDEXES[:2], ids=["exact", "hnsw"])
def test_an_orm_query_comes_never_up_short(store: embeddb.Store, index: IndexSpec | None) -> None:
    class Base(DeclarativeBase):
        pass

    class Note(Base):
        __tablename__ = "notes"
        id: Mapped[int] = mapped_column(primary_key=True)
        body: Mapped[str]
        embedding = Embedding("body", model="python:tests.support.encoders:encode", index=index)

    rows(store.url, "CREATE TABLE public.notes (id int PRIMARY KEY, body text)")
    rows(store.url, "INSERT INTO notes SELECT i, 'note ' || i FROM generate_series(1, 200) i")
    encoder = HashEncoder()
    attach(store, "notes", "body", name="notes", model=encoder, index=index)
    Worker(store, WorkerOptions(once=True), encoders={"notes": encoder}).run()
    with psycopg.connect(store.url) as connection:
        connection.execute("SET session_replication_role = replica")
        connection.execute("DELETE FROM notes WHERE id <= 150")
    engine = sa.create_engine(store.url.replace("postgresql://", "postgresql+psycopg://"))
    nearest: sa.Select[Any] = (
        sa.select(Note).order_by(Note.embedding.nearest(_vector("note 7"))).limit(20)
    )
    with Session(engine) as session:
        assert len(session.scalars(nearest).all()) == 20
        found = Note.embedding.search(_vector("note 7"), limit=20)
        joined = sa.select(Note.id).join(found, found.c.id == Note.id)
        assert len(session.scalars(joined).all()) == 20
    engine.dispose()


def test_a_scan_that_finds_only_rows_compares_nothing_else(store: embeddb.Store) -> None:
    rows(store.url, "CREATE TABLE public.notes (id int PRIMARY KEY, body text)")
    rows(store.url, "INSERT INTO notes SELECT i, 'note ' || i FROM generate_series(1, 2000) i")
    encoder = HashEncoder()
    docs = attach(store, "notes", "body", name="notes", model=encoder, index=HNSW())
    Worker(store, WorkerOptions(once=True), encoders={"notes": encoder}).run()
    plan = docs.explain(_vector("note 7"), 10, analyze=True)
    assert "notes_g1_hnsw" in plan
    whole = [line for line in plan.splitlines() if "Seq Scan on notes_g1" in line]
    assert all("never executed" in line for line in whole)
