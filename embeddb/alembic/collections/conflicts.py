"""Why autogenerate cannot make a declared embedding of a collection that is there."""

from __future__ import annotations

from embeddb.errors import EmbeddingConflictError
from embeddb.schema.attached import UNKNOWN_OWNER, SourceTable


def own_documents(name: str, table: str) -> EmbeddingConflictError:
    """Return the error that a collection with documents of its own has an embedding's name."""
    return EmbeddingConflictError(
        f"Collection {name!r} has documents of its own, and the Embedding on {table} has the same "
        "name: give the Embedding another one, Embedding(…, name='…')."
    )


def not_ours(name: str, source: SourceTable, table: str, owner: str) -> EmbeddingConflictError:
    """Return the error that a collection would have to be changed that is not this chain's."""
    return EmbeddingConflictError(
        f"Collection {name!r} on {source.table_text} {_declared_by(source)}, and the Embedding of "
        f"that name on {table} is another one: give the Embedding a name of its own, "
        "Embedding(…, name='…'). If the collection may go, detach it first: `embeddb detach`, or "
        "op.detach_collection() in a revision of yours. If it is of this application, configure "
        f"the chain's name ({owner!r} now) by context.configure(embeddb_owner='…')."
    )


def _declared_by(source: SourceTable) -> str:
    if source.owner is None:
        return "was attached by hand"
    if source.owner == UNKNOWN_OWNER:
        return "was attached before owners were kept"
    return f"is declared by the migrations of {source.owner}"
