"""Operations on collections: data with its reverse."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, TypedDict, Unpack

from alembic.operations import MigrateOperation, Operations

from embeddb.alembic.collections.attachment import Attachment
from embeddb.schema import dependencies, indexes
from embeddb.schema.declared import DeclaredEmbedding
from embeddb.schema.indexes import IndexChoice
from embeddb.schema.spec import EmbeddingFields, EmbeddingSpec
from embeddb.schema.storage import Storage


class CollectionChanges(TypedDict, total=False):
    """The keywords of `op.alter_collection`; what is left out stays as it is."""

    text: Sequence[str] | str
    metadata: Sequence[str]
    where: str | None
    depends_on: Mapping[str, str | Sequence[str]] | None
    title_column: str | None
    media_type: str | None
    media_type_column: str | None
    storage: str
    index: IndexChoice


_CHANGES: dict[str, Callable[[Any], object]] = {
    "text": lambda text: text if isinstance(text, str) else tuple(text),
    "metadata": tuple,
    "where": lambda where: where,
    "depends_on": lambda value: dependencies.as_mapping(dependencies.parse(value)),
    "title_column": lambda title: title,
    "media_type": lambda kind: kind,
    "media_type_column": lambda column: column,
    "storage": lambda storage: Storage.named(storage).label,
    "index": indexes.parse,
}
"""How each keyword of `alter_collection` is read."""


FORM = frozenset({"storage", "index"})
"""What `alter_collection` changes by a conversion; all else is what is read of the table."""


class _SourceOp(MigrateOperation):
    """An operation on a collection whose rows are those of an application's table."""

    verb: ClassVar[str]

    def __init__(self, name: str, table_name: str) -> None:
        self.name = name
        self.table_name = table_name

    def to_diff_tuple(self) -> tuple[Any, ...]:
        """Return what changes, for `alembic check`."""
        return (self.verb, self.name)


@Operations.register_operation("upgrade_embeddb")
class UpgradeEmbeddbOp(MigrateOperation):
    """Bring embeddb's own schema to the newest revision that the installed package knows."""

    def reverse(self) -> KeepEmbeddbOp:
        """Return the operation that does nothing: other collections may be in the schema."""
        return KeepEmbeddbOp()

    def to_diff_tuple(self) -> tuple[Any, ...]:
        """Return what is added, for `alembic check`."""
        return ("upgrade_embeddb",)

    @classmethod
    def upgrade_embeddb(cls, operations: Operations) -> None:
        """Create embeddb's schema and the extension vector, or bring them up to date.

        Where they are, nothing is done. There is no way back in a downgrade: run
        `embeddb migrate --to base` to remove everything.
        """
        operations.invoke(cls())


class KeepEmbeddbOp(MigrateOperation):
    """Leave embeddb's schema as it is: the reverse of bringing it up to date."""

    def reverse(self) -> UpgradeEmbeddbOp:
        """Return the operation that brings it up to date."""
        return UpgradeEmbeddbOp()

    def to_diff_tuple(self) -> tuple[Any, ...]:
        """Return that it is kept, for `alembic check`."""
        return ("keep_embeddb",)


@Operations.register_operation("attach_collection")
class AttachCollectionOp(_SourceOp):
    """Make a collection of a table's rows."""

    verb = "add_embedding"

    def __init__(self, attachment: Attachment) -> None:
        super().__init__(attachment.name, attachment.table)
        self.attachment = attachment

    def reverse(self) -> DetachCollectionOp:
        """Return the operation that removes the collection."""
        return DetachCollectionOp(self.name, self.table_name, self.attachment)

    def to_diff_tuple(self) -> tuple[Any, ...]:
        """Return what is added, for `alembic check`."""
        return (self.verb, self.attachment.declared)

    @classmethod
    def attach_collection(
        cls,
        operations: Operations,
        name: str,
        table_name: str,
        *,
        text: Sequence[str] | str,
        metadata: Sequence[str] = (),
        where: str | None = None,
        schema: str | None = None,
        key: Sequence[str] = (),
        types: Mapping[str, str] | None = None,
        depends_on: Mapping[str, str | Sequence[str]] | None = None,
        title_column: str | None = None,
        media_type: str | None = None,
        media_type_column: str | None = None,
        embedding_column: str | None = None,
        **fields: Unpack[EmbeddingFields],
    ) -> None:
        """Make a collection of a table's rows, in the migration's transaction.

        Triggers put what changes into the queue from then on; workers encode it, and the rows
        that are there already.

        Args:
            operations: given by Alembic.
            name: the collection's name.
            table_name: the table.
            text: a list of columns, or a SQL expression.
            metadata: columns that searches show and filter by.
            where: a SQL condition; rows that do not meet it take no part.
            schema: the table's schema.
            key: the columns of the primary key, for `--sql`, which can ask no database.
            types: the types of the columns that are read, for `--sql`.
            depends_on: the other tables that an expression reads, and what leads from each to the
                rows: the columns that hold their key, or a SELECT of the keys.
            title_column: the column that is put before each chunk; None: `title`, if it is
                metadata.
            media_type: what kind of documents the one column of the text holds.
            media_type_column: the column that has the kind of each.
            embedding_column: a column of pgvector's in which the rows have the model's vectors
                already; they are compared with the model, and taken in the same transaction.
            fields: what `EmbeddingSpec` takes. `model` is required: a preset, a path, a hub name,
                `openai:…` or `python:…`. Optional are `distance`, `storage`, `transform`, `index`,
                `chunker`, `normalize`, `layout` and `partition_by`.
        """
        declared = DeclaredEmbedding(
            name=name,
            spec=EmbeddingSpec(**fields),
            text=None if isinstance(text, str) else tuple(text),
            expression=text if isinstance(text, str) else None,
            metadata=tuple(metadata),
            where=where,
            depends_on=dependencies.parse(depends_on),
            title_column=title_column,
            media_type=media_type,
            media_type_column=media_type_column,
            embedding_column=embedding_column,
        )
        attachment = Attachment(
            declared=declared, schema=schema, table=table_name, key=tuple(key), types=types or {}
        )
        operations.invoke(cls(attachment))


@Operations.register_operation("detach_collection")
class DetachCollectionOp(_SourceOp):
    """Remove a collection; the table that it was attached to stays as it is."""

    verb = "remove_embedding"

    def __init__(
        self,
        name: str,
        table_name: str,
        attachment: Attachment | None = None,
        *,
        note: Sequence[str] = (),
    ) -> None:
        super().__init__(name, table_name)
        self.attachment = attachment
        self.note = tuple(note)

    def reverse(self) -> AttachCollectionOp:
        """Return the operation that attaches it anew; workers encode its rows again."""
        if self.attachment is None:
            raise ValueError("What the collection was like is not known.")
        return AttachCollectionOp(self.attachment)

    @classmethod
    def detach_collection(cls, operations: Operations, name: str, table_name: str) -> None:
        """Remove a collection with its chunks, and its triggers from the table."""
        operations.invoke(cls(name, table_name))


@Operations.register_operation("alter_collection")
class AlterCollectionOp(_SourceOp):
    """Change what a collection reads of its table, or in which form it keeps vectors."""

    verb = "modify_embedding"

    def __init__(
        self,
        name: str,
        table_name: str,
        changes: Mapping[str, Any],
        *,
        schema: str | None = None,
        before: Mapping[str, Any] | None = None,
        unfollowed: bool = False,
    ) -> None:
        super().__init__(name, table_name)
        self.schema = schema
        self.changes = dict(changes)
        self.before = before
        self.unfollowed = unfollowed

    @property
    def follows(self) -> bool:
        """Whether triggers and view are made anew, as `follow_collection` does."""
        return not self.changes.keys() <= FORM

    def after_unfollow(self) -> AlterCollectionOp:
        """Return the same change, which ends what `unfollow_collection` began before it."""
        return self._of(self.changes, self.before, unfollowed=True)

    def reverse(self) -> AlterCollectionOp | UnfollowCollectionOp:
        """Return the operation that gives back what the collection had."""
        if self.before is None:
            raise ValueError("What the collection was before is not known.")
        back = self._of(self.before, self.changes, unfollowed=self.unfollowed)
        if self.unfollowed:
            return UnfollowCollectionOp(self.name, self.table_name, schema=self.schema, back=back)
        return back

    def _of(
        self, changes: Mapping[str, Any], before: Mapping[str, Any] | None, *, unfollowed: bool
    ) -> AlterCollectionOp:
        return AlterCollectionOp(
            self.name,
            self.table_name,
            changes,
            schema=self.schema,
            before=before,
            unfollowed=unfollowed,
        )

    def to_diff_tuple(self) -> tuple[Any, ...]:
        """Return what changes, for `alembic check`."""
        return (self.verb, self.name, self.before, self.changes)

    @classmethod
    def alter_collection(
        cls,
        operations: Operations,
        name: str,
        table_name: str,
        *,
        schema: str | None = None,
        **changes: Unpack[CollectionChanges],
    ) -> None:
        """Change a collection; what is left out stays as it is.

        Another text, metadata or where keep what is encoded, as far as a row's text is the same.
        Another storage or index is built beside the old one, which is searched meanwhile; what
        came before in the migration is committed first.

        Args:
            operations: given by Alembic.
            name: the collection's name.
            table_name: its table.
            schema: the table's schema.
            changes: text, metadata, where, depends_on, title_column, media_type,
                media_type_column; storage, index.

        Raises:
            TypeError: a keyword that is none of these.
        """
        if unknown := set(changes) - set(_CHANGES):
            raise TypeError(f"alter_collection() has no {', '.join(sorted(unknown))}.")
        given = {key: _CHANGES[key](value) for key, value in changes.items()}
        operations.invoke(cls(name, table_name, given, schema=schema))


@Operations.register_operation("unfollow_collection")
class UnfollowCollectionOp(_SourceOp):
    """Take triggers and view off a table for a moment, so that columns can change."""

    verb = "unfollow_embedding"

    def __init__(
        self,
        name: str,
        table_name: str,
        *,
        schema: str | None = None,
        back: AlterCollectionOp | None = None,
    ) -> None:
        super().__init__(name, table_name)
        self.schema = schema
        self.back = back

    def reverse(self) -> FollowCollectionOp | AlterCollectionOp:
        """Return the operation that follows the table again, as it was read before."""
        return self.back or FollowCollectionOp(self.name, self.table_name, schema=self.schema)

    @classmethod
    def unfollow_collection(cls, operations: Operations, name: str, table_name: str) -> None:
        """Let columns that a collection reads change.

        `follow_collection` has to come after, or an `alter_collection` of what is read.
        """
        operations.invoke(cls(name, table_name))


@Operations.register_operation("follow_collection")
class FollowCollectionOp(_SourceOp):
    """Put triggers and view back on a table, as it is now."""

    verb = "follow_embedding"

    def __init__(self, name: str, table_name: str, *, schema: str | None = None) -> None:
        super().__init__(name, table_name)
        self.schema = schema

    def reverse(self) -> UnfollowCollectionOp:
        """Return the operation that takes them off."""
        return UnfollowCollectionOp(self.name, self.table_name, schema=self.schema)

    @classmethod
    def follow_collection(
        cls, operations: Operations, name: str, table_name: str, *, schema: str | None = None
    ) -> None:
        """Follow a table again; workers look at every row, and encode those that changed.

        Args:
            operations: given by Alembic.
            name: the collection's name.
            table_name: its table, by the name that it has at this point of the migration.
            schema: the table's schema; None: the one that it was followed in before.
        """
        operations.invoke(cls(name, table_name, schema=schema))


@Operations.register_operation("create_collection")
class CreateCollectionOp(MigrateOperation):
    """Create a collection with documents of its own."""

    def __init__(self, name: str, spec: EmbeddingSpec, *, exist_ok: bool = False) -> None:
        self.name = name
        self.spec = spec
        self.exist_ok = exist_ok

    def reverse(self) -> DropCollectionOp:
        """Return the operation that drops the collection."""
        return DropCollectionOp(self.name, self.spec)

    def to_diff_tuple(self) -> tuple[Any, ...]:
        """Return what is added, for `alembic check`."""
        return ("add_collection", self.name)

    @classmethod
    def create_collection(
        cls,
        operations: Operations,
        name: str,
        *,
        exist_ok: bool = False,
        **fields: Unpack[EmbeddingFields],
    ) -> None:
        """Create a collection with documents of its own, in the migration's transaction.

        Args:
            operations: given by Alembic.
            name: its name.
            exist_ok: whether a collection of that name may be there already, if it has the same
                model, dim, distance, storage, transform and layout.
            fields: what `EmbeddingSpec` takes. `model` is required; None where every document
                brings its own vector of `dim` numbers. Optional are `distance`, `storage`,
                `transform`, `index`, `chunker`, `normalize`, `layout` and `partition_by`.
        """
        operations.invoke(cls(name, EmbeddingSpec(**fields), exist_ok=exist_ok))


@Operations.register_operation("drop_collection")
class DropCollectionOp(MigrateOperation):
    """Drop a collection with its documents."""

    def __init__(self, name: str, spec: EmbeddingSpec | None = None) -> None:
        self.name = name
        self.spec = spec

    def reverse(self) -> CreateCollectionOp:
        """Return the operation that creates the collection again, empty."""
        if self.spec is None:
            raise ValueError("What the collection was like is not known.")
        return CreateCollectionOp(self.name, self.spec)

    def to_diff_tuple(self) -> tuple[Any, ...]:
        """Return what is removed, for `alembic check`."""
        return ("remove_collection", self.name)

    @classmethod
    def drop_collection(cls, operations: Operations, name: str) -> None:
        """Drop a collection with all its documents."""
        operations.invoke(cls(name))
