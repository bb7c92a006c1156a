"""What tests of workers share."""

from __future__ import annotations

import embeddb


def attach(
    store: embeddb.Store, source: str, text: str, *, model: object, **others: object
) -> embeddb.Collection:
    """Attach a collection to a table, with any model."""
    return store.attach(source, text=text, model=model, **others)  # type: ignore[arg-type]
