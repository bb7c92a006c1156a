"""Operations on collections: data with its reverse."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal

from alembic.operations import MigrateOperation, Operations

from embeddb.alembic.collections.attachment import Attachment
from embeddb.schema.declared import DeclaredEmbedding
from embeddb.schema.indexes import HNSW, IndexSpec

IndexChoice = IndexSpec | Literal["hnsw", "exact"] | None


class _AttachmentOp(MigrateOperation):
    """An operation on a collection whose source is a table of the application's."""

    verb = ""

    def __init__(self, attachment: Attachment) -> None:
        self.attachment = attachment

    def to_diff_tuple(self) -> tuple[Any, ...]:
        """Say what changes, for `alembic check`."""
        return (self.verb, self.attachment.declared)


@Operations.register_operation("attach_collection")
class AttachCollectionOp(_AttachmentOp):
    """Make a collection of a table's rows."""

    verb = "add_embedding"

    def reverse(self) -> DetachCollectionOp:
        """Remove it."""
        return DetachCollectionOp(self.attachment)

    @classmethod
    def attach_collection(
        cls,
        operations: Operations,
        name: str,
        table_name: str,
        *,
        text: Sequence[str] | str,
        model: str,
        metadata: Sequence[str] = (),
        where: str | None = None,
        distance: str = "cosine",
        storage: str = "vector",
        transform: Sequence[str] = (),
        index: IndexChoice = "hnsw",
        chunker: str | Mapping[str, Any] = "auto",
        schema: str | None = None,
        key: Sequence[str] = (),
        types: Mapping[str, str] | None = None,
    ) -> None:
        """Make a collection of a table's rows, in the migration's transaction.

        Triggers put what changes into the queue from then on, and workers encode it, the rows
        that are there already among them.

        Args:
            operations: given by Alembic.
            name: the collection's name.
            table_name: the table.
            text: a list of columns, or a SQL expression.
            model: a preset, a path, a hub name, `openai:…` or `python:…`.
            metadata: columns that searches show and filter by.
            where: a SQL condition; rows that do not meet it take no part.
            distance: cosine, l2, inner_product or l1; hamming or jaccard for bits.
            storage: vector, halfvec, int8 or bit.
            transform: e.g. ["pca:128"].
            index: HNSW(…), IVFFlat(…), IVFPQ(…), or None for exact search.
            chunker: auto, none, text, markdown, code, or the options of one.
            schema: the table's schema.
            key: the columns of the primary key, for `--sql`, which can ask no database.
            types: the types of the columns that are read, for `--sql`.
        """
        declared = DeclaredEmbedding(
            name=name,
            model=model,
            text=None if isinstance(text, str) else tuple(text),
            expression=text if isinstance(text, str) else None,
            metadata=tuple(metadata),
            where=where,
            distance=distance,
            storage=storage,
            transform=tuple(transform),
            index=_index(index),
            chunker=chunker,
        )
        attachment = Attachment(
            declared=declared, schema=schema, table=table_name, key=tuple(key), types=types or {}
        )
        operations.invoke(cls(attachment))


@Operations.register_operation("detach_collection")
class DetachCollectionOp(_AttachmentOp):
    """Remove a collection; the table that it was attached to stays as it is."""

    verb = "remove_embedding"

    def reverse(self) -> AttachCollectionOp:
        """Attach it anew; workers encode its rows again."""
        return AttachCollectionOp(self.attachment)

    @classmethod
    def detach_collection(cls, operations: Operations, name: str, table_name: str) -> None:
        """Remove a collection with its chunks, and its triggers from the table."""
        declared = DeclaredEmbedding(name=name, model="")
        attachment = Attachment(declared=declared, schema=None, table=table_name)
        operations.invoke(cls(attachment))


@Operations.register_operation("alter_collection")
class AlterCollectionOp(_AttachmentOp):
    """Change what a collection reads of its table, or in which form it keeps vectors."""

    verb = "modify_embedding"

    def __init__(
        self, attachment: Attachment, changes: Mapping[str, Any], before: Mapping[str, Any] | None
    ) -> None:
        super().__init__(attachment)
        self.changes = dict(changes)
        self.before = before

    def reverse(self) -> AlterCollectionOp:
        """Give it back what it had."""
        if self.before is None:
            raise ValueError("What the collection was before is not known.")
        declared = replace(self.attachment.declared, **self.before)
        return AlterCollectionOp(
            replace(self.attachment, declared=declared), self.before, self.changes
        )

    def to_diff_tuple(self) -> tuple[Any, ...]:
        """Say what changes, for `alembic check`."""
        return (self.verb, self.attachment.declared.name, self.before, self.changes)

    @classmethod
    def alter_collection(
        cls,
        operations: Operations,
        name: str,
        table_name: str,
        *,
        schema: str | None = None,
        **changes: Any,  # noqa: ANN401  # as attach_collection has them
    ) -> None:
        """Change a collection; what is left out stays as it is.

        Another text, metadata or where keep what is encoded, as far as a row's text is the same;
        all of the three are given. Another storage or index is built beside the old one, which
        is searched meanwhile; what came before is committed first.

        Args:
            operations: given by Alembic.
            name: the collection's name.
            table_name: its table.
            schema: the table's schema.
            changes: text, metadata, where; storage, index.
        """
        given = _changes(changes)
        declared = replace(DeclaredEmbedding(name=name, model=""), **given)
        attachment = Attachment(declared=declared, schema=schema, table=table_name)
        operations.invoke(cls(attachment, given, None))


def _changes(given: Mapping[str, Any]) -> dict[str, Any]:
    known = {"text", "metadata", "where", "storage", "index"}
    if unknown := set(given) - known:
        raise TypeError(f"alter_collection() has no {', '.join(sorted(unknown))}.")
    changes = dict(given)
    if isinstance(changes.get("text"), str):
        changes |= {"expression": changes["text"], "text": None}
    elif "text" in changes:
        changes |= {"text": tuple(changes["text"]), "expression": None}
    if "metadata" in changes:
        changes["metadata"] = tuple(changes["metadata"])
    if "index" in changes:
        changes["index"] = _index(changes["index"])
    return changes


def _index(given: IndexChoice) -> IndexSpec | None:
    # Alembic writes the defaults of an operation into code, where a spec would have no name
    if isinstance(given, str):
        return HNSW() if given == "hnsw" else None
    return given


@Operations.register_operation("unfollow_collection")
class UnfollowCollectionOp(_AttachmentOp):
    """Take triggers and view off a table for a moment, so that columns can change."""

    verb = "unfollow_embedding"

    def reverse(self) -> FollowCollectionOp:
        """Follow it again."""
        return FollowCollectionOp(self.attachment)

    @classmethod
    def unfollow_collection(cls, operations: Operations, name: str, table_name: str) -> None:
        """Let columns that a collection reads change; `follow_collection` has to come after."""
        declared = DeclaredEmbedding(name=name, model="")
        operations.invoke(cls(Attachment(declared=declared, schema=None, table=table_name)))


@Operations.register_operation("follow_collection")
class FollowCollectionOp(_AttachmentOp):
    """Put triggers and view back on a table, as it is now."""

    verb = "follow_embedding"

    def reverse(self) -> UnfollowCollectionOp:
        """Take them off."""
        return UnfollowCollectionOp(self.attachment)

    @classmethod
    def follow_collection(cls, operations: Operations, name: str, table_name: str) -> None:
        """Follow a table again; workers look at every row, and encode those that changed."""
        declared = DeclaredEmbedding(name=name, model="")
        operations.invoke(cls(Attachment(declared=declared, schema=None, table=table_name)))


@Operations.register_operation("create_collection")
class CreateCollectionOp(MigrateOperation):
    """Create a collection with documents of its own."""

    def __init__(self, name: str, options: Mapping[str, Any]) -> None:
        self.name = name
        self.options = dict(options)

    def reverse(self) -> DropCollectionOp:
        """Drop it."""
        return DropCollectionOp(self.name, self.options)

    def to_diff_tuple(self) -> tuple[Any, ...]:
        """Say what changes."""
        return ("add_collection", self.name)

    @classmethod
    def create_collection(
        cls,
        operations: Operations,
        name: str,
        **options: Any,  # noqa: ANN401  # as Store.create_collection has them
    ) -> None:
        """Create a collection with documents of its own, in the migration's transaction.

        Args:
            operations: given by Alembic.
            name: its name.
            options: what `Store.create_collection` takes.
        """
        operations.invoke(cls(name, options))


@Operations.register_operation("drop_collection")
class DropCollectionOp(MigrateOperation):
    """Drop a collection with its documents."""

    def __init__(self, name: str, options: Mapping[str, Any] | None = None) -> None:
        self.name = name
        self.options = options

    def reverse(self) -> CreateCollectionOp:
        """Create it again, empty."""
        if self.options is None:
            raise ValueError("What the collection was like is not known.")
        return CreateCollectionOp(self.name, self.options)

    def to_diff_tuple(self) -> tuple[Any, ...]:
        """Say what changes."""
        return ("remove_collection", self.name)

    @classmethod
    def drop_collection(cls, operations: Operations, name: str) -> None:
        """Drop a collection with all its documents."""
        operations.invoke(cls(name))
