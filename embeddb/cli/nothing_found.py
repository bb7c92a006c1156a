"""Why a search found nothing, in a sentence."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from embeddb.collection import Collection
    from embeddb.records import Hit
    from embeddb.repository.search.options import SearchFilters


def why_nothing(
    collection: Collection,
    options: SearchFilters,
    search: Callable[[SearchFilters], list[Hit]],
) -> str:
    """Return what left nothing to find, and what to do.

    Args:
        collection: what was searched.
        options: what it was searched with.
        search: repeats the search with other options.
    """
    if not collection.count_chunks():
        return _nothing_stored(collection)
    filter, farthest = options.get("filter"), options.get("max_distance")
    total = collection.count()
    passing = total if filter is None else collection.count(filter)
    if not passing:
        return f"No document of {total:,} passes the filter."
    if farthest is not None:
        near = search({"filter": filter, "max_distance": None})
        if near:
            among = "" if filter is None else " of what passes the filter"
            return (
                f"The nearest chunk{among} is at distance {near[0].distance:.3f}, beyond "
                f"--max-distance {farthest:g}."
            )
    if filter is not None:
        return f"{passing:,} of {total:,} documents pass the filter, and none of them has a chunk."
    return f"Collection {collection.name!r} holds nothing else (documents: {total:,})."


def _nothing_stored(collection: Collection) -> str:
    name, total = collection.name, collection.count()
    if not total:
        if collection.record.source is not None:
            return f"No row of the table that {name!r} is attached to takes part yet."
        return f"Collection {name!r} is empty: fill it with `embeddb ingest`."
    if collection.record.source is not None:
        return f"No row of {total:,} of {name!r} is encoded yet: run `embeddb worker`."
    return f"No document of {total:,} of {name!r} has a text or a vector."
