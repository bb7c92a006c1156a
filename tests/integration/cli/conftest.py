"""A database that the tests of one file share: a collection, and an attached table."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import embeddb
from embeddb.encoders import EncoderSettings, load_encoder
from tests.conftest import _database
from tests.support.attaching import articles, attach, drain
from tests.support.cli import MODEL
from tests.support.postgres import rows

FAILED = """
INSERT INTO embeddb.failed_jobs (collection_id, key, version, attempts, error, message)
SELECT id, '9', 1, 5, 'EncodingError', 'no words' FROM embeddb.collections WHERE name = 'articles'
"""


@pytest.fixture(scope="module")
def url(server_url: str, template: str) -> Iterator[str]:
    """The URL of a database with four collections.

    `notes` has 30 documents, and `articles` is attached, with a job and a failure. `made` and
    `bodies`, which is attached, too, are there for tests to drop.
    """
    encoder = load_encoder(
        MODEL, settings=EncoderSettings(python_models=("tests.support.encoders",))
    )
    with _database(server_url, template) as url:
        with embeddb.connect(url) as store:
            notes = store.create_collection("notes", model=encoder)
            notes.add(
                {"id": f"n{n}", "content": f"note number {n}", "metadata": {"year": 2000 + n}}
                for n in range(30)
            )
            store.create_collection("made", model=None, dim=3)
            articles(url, 9)
            drain(store, attach(store))
            store.attach("articles", name="bodies", text="body", model=encoder)
        rows(url, "UPDATE articles SET title = 'new' WHERE id = 1")
        rows(url, FAILED)
        yield url
