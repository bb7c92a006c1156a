"""A store that the tests of one file share, where each has collections of its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import embeddb
from tests.conftest import _database


@pytest.fixture(scope="module")
def shared_store(server_url: str, template: str) -> Iterator[embeddb.Store]:
    """An open store on a database of the file's own."""
    with _database(server_url, template) as url, embeddb.connect(url) as store:
        yield store
