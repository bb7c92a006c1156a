"""`embeddb get` and `embeddb delete`: single documents."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from embeddb.cli.common.context import CommandContext
from embeddb.cli.common.failure import FAILED, complain, usage
from embeddb.cli.common.groups import with_groups
from embeddb.cli.common.inputs import filter_value
from embeddb.cli.common.options import Filter, Name, Yes, confirm
from embeddb.cli.common.output import facts, out, record_fields, say

if TYPE_CHECKING:
    from embeddb.records import Document


@with_groups
def get(
    name: Name,
    ids: Annotated[list[str], typer.Argument(metavar="ID", help="The ids of documents.")],
    *,
    embeddings: Annotated[
        bool,
        typer.Option(
            "--embeddings", help="With `--json`: add the vector of each document's first chunk."
        ),
    ] = False,
    ctx: CommandContext,
) -> None:
    """Print documents by their ids; exit with 1 if one does not exist."""
    with ctx.store() as store:
        documents = store.collection(name).get(ids, embeddings=embeddings)
    ctx.print([_data(document) for document in documents], lambda _: _print(documents))
    if missing := sorted(set(ids) - {document.id for document in documents}):
        complain(f"There is no document {', '.join(map(repr, missing))} in {name!r}.")
        raise typer.Exit(FAILED)


@with_groups
def delete(
    name: Name,
    *,
    ids: Annotated[
        list[str] | None,
        typer.Option("--id", metavar="ID", help="Delete this document. May be repeated."),
    ] = None,
    filter: Filter = None,
    all: Annotated[bool, typer.Option("--all", help="Delete every document.")] = False,
    yes: Yes = False,
    ctx: CommandContext,
) -> None:
    """Delete documents and their chunks, by id or by filter, after asking.

    A filter that every document passes, such as `{}`, needs `--all` beside it.
    """
    from embeddb.collection.deletion import check_deletion

    condition = filter_value(filter)
    with usage("--id, --filter, --all"):
        check_deletion(ids=ids or None, filter=condition, all=all)
    with ctx.store() as store:
        collection = store.collection(name)
        count = len(set(ids)) if ids else collection.count(condition)
        confirm(f"Delete {'all ' if all else ''}{count:,} document(s) of {name!r}?", yes=yes)
        deleted = collection.delete(ids=ids or None, filter=condition, all=all)
    ctx.print({"deleted": deleted}, f"Deleted {deleted:,} document(s) of {name}.")


def _data(document: Document) -> dict[str, Any]:
    data = record_fields(document)
    if data["embedding"] is None:
        del data["embedding"]
    return data


def _print(documents: Sequence[Document]) -> None:
    for document in documents:
        pairs: list[tuple[str, object]] = [("id", document.id)]
        if document.metadata:
            pairs.append(("metadata", json.dumps(dict(document.metadata), ensure_ascii=False)))
        if document.uri:
            pairs.append(("uri", document.uri))
        out.print(facts(pairs))
        out.print()
        say(document.content or "(no text)")
        out.print()
