"""A thread that answers the texts that SQL asks with, as a worker does."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from threading import Event, Thread

import embeddb
from embeddb.pipeline.generation.form import StoredForm
from embeddb.pipeline.generation.model import BoundModel
from embeddb.protocols import Encoder
from embeddb.worker.query_encoding import QueryEncoder


@contextmanager
def answering(
    store: embeddb.Store,
    encoder: Encoder,
    *,
    collections: Sequence[str] | None = None,
    schema: str = "embeddb",
    cache_rows: int = 10_000,
) -> Iterator[None]:
    """Answer texts inside the block; it begins once functions can know that somebody does."""
    server = QueryEncoder(schema, collections, cache_rows=cache_rows)
    stopping, ready = Event(), Event()

    def model(name: str) -> BoundModel:
        record = store.collection(name).record
        form = StoredForm(store.database, record.generation)
        return BoundModel(record, form, lambda _: encoder, encoder)

    def run() -> None:
        with store.database.dedicated() as connection:
            connection.execute("LISTEN embeddb_encode")
            while not stopping.is_set():
                server(connection, model)
                ready.set()
                list(connection.notifies(timeout=0.1, stop_after=1))

    thread = Thread(target=run, daemon=True)
    thread.start()
    assert ready.wait(30)
    try:
        yield
    finally:
        stopping.set()
        thread.join(30)
        assert not thread.is_alive()
