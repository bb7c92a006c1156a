"""A small collection to work on."""

from __future__ import annotations

import pytest

import embeddb
from tests.support.cli import MODEL
from tests.support.encoders import encode

DOCUMENTS = [
    {"id": "copy", "content": "copy a directory tree", "metadata": {"year": 2020}},
    {"id": "thread", "content": "wait for a thread to end", "metadata": {"year": 2021}},
    {"id": "json", "content": "write an object as json text", "metadata": {"year": 2022}},
]


@pytest.fixture
def notes(database: str) -> str:
    """The URL of a database with the collection `notes` of three documents."""
    from embeddb.encoders import EncoderSettings, load_encoder

    settings = EncoderSettings(python_models=("tests.support.encoders",))
    encoder = load_encoder(MODEL, settings=settings)
    assert encoder.info.dim == encode.dim
    with embeddb.connect(database) as store:
        store.create_collection("notes", model=encoder).add(DOCUMENTS)
    return database
