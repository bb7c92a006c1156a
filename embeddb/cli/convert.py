"""`embeddb convert`: vectors in another form, without encoding anything again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from embeddb.cli.common.context import CommandContext
from embeddb.cli.common.embedding_options import FormOptions, refused
from embeddb.cli.common.groups import with_groups
from embeddb.cli.common.index_options import IndexOptions
from embeddb.cli.common.notes import notes
from embeddb.cli.common.options import Name, Yes, confirm
from embeddb.cli.common.output import err
from embeddb.diagnostics.units import size

if TYPE_CHECKING:
    from embeddb.collection import Collection
    from embeddb.schema.catalog import Generation
    from embeddb.store import Store


@with_groups
def convert(
    name: Name,
    *,
    yes: Yes = False,
    form: FormOptions,
    index: IndexOptions,
    ctx: CommandContext,
) -> None:
    """Store the vectors in another form, while others read and write.

    Nothing is encoded again: the stored vectors are converted. What no option names stays as it
    is, and a `--transform` is applied after those that the vectors went through before. The
    command asks first, since the precision that a smaller form drops is lost, and reports the
    sizes before and after.
    """
    arguments: dict[str, Any] = form.arguments()
    wanted = None if index.index is None else index.spec() or "exact"
    with ctx.store() as store:
        collection = store.collection(name)
        arguments["index"] = wanted or index.changed(collection.record)
        confirm(question(collection), yes=yes)
        with refused():
            done = converted(store, collection, arguments)
    ctx.print(done | {"notes": notes()}, sentence(done))


def question(collection: Collection) -> str:
    """Return the question whether to convert a collection."""
    form = form_label(collection.record.generation)
    return (
        f"Convert {collection.name!r}, {collection.count_chunks():,} chunks stored as {form}? "
        "Precision that the new form drops cannot be restored."
    )


def converted(store: Store, collection: Collection, form: Mapping[str, Any]) -> dict[str, Any]:
    """Convert a collection, and return its form and sizes before and after, ready for JSON."""
    before = _state(store, collection)
    collection.convert(**form, progress=err.is_terminal)
    return {"collection": collection.name, "before": before, "after": _state(store, collection)}


def sentence(done: Mapping[str, Any]) -> str:
    """Return what a conversion changed, in a sentence."""
    before, after = done["before"], done["after"]
    return (
        f"{done['collection']} was {before['form']}, table {size(before['table_bytes'])} and "
        f"indexes {size(before['index_bytes'])}; it is {after['form']}, table "
        f"{size(after['table_bytes'])} and indexes {size(after['index_bytes'])}."
    )


def form_label(generation: Generation) -> str:
    """Return the name of a form: storage, transform, index."""
    from embeddb.evaluation.compression.candidates import index_label

    words = generation.transform.words if generation.transform else ()
    return " · ".join((generation.storage.label, *words, index_label(generation.index)))


def _state(store: Store, collection: Collection) -> dict[str, Any]:
    from embeddb.schema.indexes import to_json

    generation = collection.record.generation
    _, chunks, table_bytes, index_bytes = store.sizes(collection.name)
    return {
        "form": form_label(generation),
        "generation": generation.number,
        "storage": generation.storage.label,
        "transform": list(generation.transform.words) if generation.transform else [],
        "distance": generation.distance.label,
        "index": to_json(generation.index),
        "chunks": chunks,
        "table_bytes": table_bytes,
        "index_bytes": index_bytes,
    }
