"""The worker: claims jobs, encodes what changed, writes it, and stops cleanly.

::

    claim ─▶ read, chunk ─▶ encode ─▶ write, finish      one lane a model, a thread a stage
    listen · renew leases · build indexes                beside them, each on its own connection

**Texts that SQL functions want encoded.** A worker may also answer those: `Worker(store, options,
requests=serve)` starts a thread with a connection of its own that listens on the channel
`embeddb_encode` and calls `serve(connection, model)` at its start, after each notification, and
twice a second without any. `serve` (the protocol `Requests`) reads and answers what waits, on that
autocommit connection, and returns; `model("docs")` gives the `BoundModel` of a collection, loaded
at its first text and kept, whose `query(text)` is the vector to compare with what is stored. What
`serve` raises for a lost connection is repeated on another one; any other error of a single request
it must answer itself, since one that it lets through stops the worker.
"""

from __future__ import annotations

from embeddb.worker.listener import Requests
from embeddb.worker.options import WorkerOptions
from embeddb.worker.worker import Worker, WorkerReport

__all__ = ["Requests", "Worker", "WorkerOptions", "WorkerReport"]
