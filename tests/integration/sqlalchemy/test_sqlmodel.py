"""An embedding on a class of SQLModel: declared as a class variable, searched as on any model."""

from __future__ import annotations

from typing import ClassVar

import pytest
import sqlalchemy as sa
from sqlmodel import Field, Session, SQLModel, select

import embeddb
from embeddb.sqlalchemy import Embedding
from embeddb.worker import Worker, WorkerOptions
from tests.support.encoders import HashEncoder
from tests.support.postgres import rows
from tests.support.workers import attach


class Leaflet(SQLModel, table=True):
    id: int | None = Field(default=None, primary_key=True)
    title: str
    embedding: ClassVar[Embedding] = Embedding(
        "title", model="python:tests.support.encoders:encode", index=None
    )


def test_a_class_of_sqlmodel_is_embedded_and_searched(
    store: embeddb.Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EMBEDDB_PYTHON_MODELS", "tests.support.encoders")
    engine = sa.create_engine(store.url.replace("postgresql://", "postgresql+psycopg://"))
    SQLModel.metadata.create_all(engine, tables=[SQLModel.metadata.tables["leaflet"]])
    with Session(engine) as session:
        session.add(Leaflet(title="green tea"))
        session.add(Leaflet(title="old oaks"))
        session.commit()
    attach(store, "leaflet", "title", name="leaflet", model=HashEncoder(), index=None)
    Worker(store, WorkerOptions(once=True), encoders={"leaflet": HashEncoder()}).run()
    asked = [float(number) for number in HashEncoder().encode(["old oaks"])[0]]
    with Session(engine) as session:
        found = select(Leaflet).order_by(Leaflet.embedding.nearest(asked)).limit(1)
        assert session.exec(found).one().title == "old oaks"
        assert Leaflet(title="new").model_dump() == {"id": None, "title": "new"}
    engine.dispose()
    assert rows(store.url, "SELECT count(*) FROM embeddb.leaflet_g1") == [(2,)]
