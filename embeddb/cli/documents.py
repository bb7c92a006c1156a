"""`embeddb get` and `embeddb delete`: single documents."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from embeddb.cli.common.failure import FAILED, complain
from embeddb.cli.common.inputs import filter_value
from embeddb.cli.common.opening import opened_store
from embeddb.cli.common.options import AsJson, Dsn, Filter, Name, Schema, Yes, confirm
from embeddb.cli.common.output import emit, facts, out, say

if TYPE_CHECKING:
    from embeddb.records import Document


def get(
    name: Name,
    ids: Annotated[list[str], typer.Argument(metavar="ID...", help="Ids of documents.")],
    embeddings: Annotated[
        bool, typer.Option("--embeddings", help="With --json: add each first chunk's vector.")
    ] = False,
    dsn: Dsn = None,
    schema: Schema = None,
    as_json: AsJson = False,
) -> None:
    """Print documents by their ids; exit 1 if one is not there."""
    with opened_store(dsn, schema) as store:
        documents = store.collection(name).get(ids, embeddings=embeddings)
    if as_json:
        emit([_data(document) for document in documents])
    else:
        for document in documents:
            _print(document)
    if missing := sorted(set(ids) - {document.id for document in documents}):
        complain(f"There is no document {', '.join(map(repr, missing))} in {name!r}.")
        raise typer.Exit(FAILED)


def delete(
    name: Name,
    ids: Annotated[
        list[str] | None, typer.Option("--id", metavar="ID", help="A document; may be repeated.")
    ] = None,
    filter: Filter = None,
    yes: Yes = False,
    dsn: Dsn = None,
    schema: Schema = None,
    as_json: AsJson = False,
) -> None:
    """Delete documents, and their chunks, by id or by filter."""
    if bool(ids) == bool(filter):
        raise typer.BadParameter("Give either --id, once or more, or --filter.")
    condition = filter_value(filter)
    with opened_store(dsn, schema) as store:
        collection = store.collection(name)
        count = len(set(ids)) if ids else collection.count(condition)
        confirm(f"Delete {count:,} document(s) of {name!r}?", yes=yes)
        deleted = collection.delete(ids=ids) if ids else collection.delete(filter=condition)
    if as_json:
        emit({"deleted": deleted})
    else:
        say(f"Deleted {deleted:,} document(s) of {name}.")


def _data(document: Document) -> dict[str, Any]:
    fields = ("id", "content", "metadata", "uri", "media_type", "embedding")
    data = {field: getattr(document, field) for field in fields}
    if data["embedding"] is None:
        del data["embedding"]
    return data


def _print(document: Document) -> None:
    pairs: list[tuple[str, object]] = [("id", document.id)]
    if document.metadata:
        pairs.append(("metadata", json.dumps(dict(document.metadata), ensure_ascii=False)))
    if document.uri:
        pairs.append(("uri", document.uri))
    out.print(facts(pairs))
    out.print()
    say(document.content or "(no text)")
    out.print()
