"""The worker: claims jobs, encodes what changed, writes it, and stops cleanly.

::

    claim ─▶ read, chunk ─▶ encode ─▶ write, finish      one pipeline a model, a thread a stage
    listen · renew leases · build indexes                beside them, each on its own connection

**Texts that SQL functions want encoded.** A worker can answer those too:
`Worker(store, options, requests=serve)` starts a thread with a connection of its own. It listens on
the channel `embeddb_encode`, and calls `serve(connection, model)` at its start, after each
notification, and twice a second without any. `serve` (the protocol `Requests`) answers what waits,
on that autocommit connection, and returns. `model("docs")` returns the `BoundModel` of a
collection; it is loaded at its first text and kept, and its `query(text)` is the vector to compare
with what is stored. If `serve` raises because the connection is lost, it is called again on another
one. It must handle any other error of a single request itself: one that it lets through stops the
worker.
"""

from __future__ import annotations

from embeddb.worker.listener import Requests
from embeddb.worker.options import WorkerOptions
from embeddb.worker.worker import Worker, WorkerReport

__all__ = ["Requests", "Worker", "WorkerOptions", "WorkerReport"]
