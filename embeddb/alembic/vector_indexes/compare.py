"""What `--autogenerate` sees of vector indexes: those of the models against the database's."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from alembic.operations import ops
from sqlalchemy import Index, Table, TextClause, text
from sqlalchemy.schema import SchemaItem

from embeddb.alembic.vector_indexes.declared import is_vector_index, vector_indexes_of
from embeddb.alembic.vector_indexes.definition import VectorIndex
from embeddb.alembic.vector_indexes.operations import (
    AlterVectorIndexOp,
    CreateVectorIndexOp,
    DropVectorIndexOp,
)
from embeddb.alembic.vector_indexes.reflected import (
    ReflectedIndex,
    TableKey,
    as_written,
    built_alike,
    read,
)

if TYPE_CHECKING:
    from alembic.autogenerate.api import AutogenContext


log = logging.getLogger("embeddb.alembic")

_FOUND: WeakKeyDictionary[AutogenContext, dict[TableKey, dict[str, ReflectedIndex]]] = (
    WeakKeyDictionary()
)


def take_over(context: AutogenContext) -> None:
    """Keep vector indexes from Alembic's own comparison, which cannot see their definition.

    It would miss operator classes and WITH, and warn of expressions; what it leaves alone is
    compared by `compare_vector_indexes`.
    """
    assert context.connection is not None
    found = _FOUND[context] = read(context.connection)

    def include_name(name: str | None, kind: str, parents: Mapping[str, str | None]) -> bool:
        if kind != "index":
            return True
        key = parents.get("schema_name"), parents.get("table_name") or ""
        return name not in found.get(key, {})

    def include_object(
        item: SchemaItem, name: str | None, kind: str, reflected: bool, other: SchemaItem | None
    ) -> bool:
        return reflected or not (isinstance(item, Index) and is_vector_index(item))

    context._name_filters = [*context._name_filters, include_name]
    context._object_filters = [*context._object_filters, include_object]


def compare_vector_indexes(
    context: AutogenContext,
    changes: ops.ModifyTableOps,
    key: TableKey,
    there: Table | None,
    model: Table | None,
) -> None:
    """Add what has to be done for one table's vector indexes to its changes."""
    found = _FOUND.get(context, {}).get(key, {})
    wanted = {} if model is None else vector_indexes_of(model)
    declared = {} if model is None else {str(index.name): index for index in model.indexes}
    reflected = {name: _reflected(given.definition, there) for name, given in found.items()}
    left_out = {
        name
        for name in {*found, *wanted}
        if not _is_included(
            context, key, name, declared.get(name), reflected.get(name), name in found
        )
    }
    found = {name: given for name, given in found.items() if name not in left_out}
    wanted = {name: index for name, index in wanted.items() if name not in left_out}
    _drop(changes, found, wanted, with_table=model is None)
    _create(changes, found, wanted, with_table=there is None)
    _alter(context, changes, found, wanted)


def _drop(
    changes: ops.ModifyTableOps,
    found: dict[str, ReflectedIndex],
    wanted: dict[str, VectorIndex],
    *,
    with_table: bool,
) -> None:
    for name, given in found.items():
        if name not in wanted:
            log.info("Detected removed vector index %r on %r", name, given.definition.table)
            locked = with_table or _changes_types(changes)
            changes.ops.insert(0, DropVectorIndexOp(given.definition, concurrently=not locked))


def _create(
    changes: ops.ModifyTableOps,
    found: dict[str, ReflectedIndex],
    wanted: dict[str, VectorIndex],
    *,
    with_table: bool,
) -> None:
    for name, index in wanted.items():
        if name not in found:
            log.info("Detected added vector index %r on %r", name, index.table)
            locked = with_table or _changes_types(changes)
            changes.ops.append(CreateVectorIndexOp(index, concurrently=not locked))


def _alter(
    context: AutogenContext,
    changes: ops.ModifyTableOps,
    found: dict[str, ReflectedIndex],
    wanted: dict[str, VectorIndex],
) -> None:
    both = [wanted[name] for name in wanted if name in found]
    if not both:
        return
    assert context.connection is not None
    written = as_written(context.connection, both)
    for index in both:
        given = found[index.name]
        if given.valid and built_alike(written.get(index.name, index), given.definition):
            continue
        log.info("Detected changed vector index %r on %r", index.name, index.table)
        if _changes_types(changes):
            # the column cannot change its type under an operator class of the old one
            changes.ops.insert(0, DropVectorIndexOp(given.definition, concurrently=False))
            changes.ops.append(CreateVectorIndexOp(index, concurrently=False))
        else:
            changes.ops.append(AlterVectorIndexOp(index, existing=given.definition))


def _changes_types(changes: ops.ModifyTableOps) -> bool:
    """Return whether a column changes its type: then the table is locked and rewritten anyway."""
    return any(
        isinstance(change, ops.AlterColumnOp) and change.modify_type is not None
        for change in changes.ops
    )


def _is_included(
    context: AutogenContext,
    key: TableKey,
    name: str,
    model: Index | None,
    there: Index | None,
    is_there: bool,
) -> bool:
    """Return whether the application's own `include_name` and `include_object` let an index in.

    They are asked as Alembic asks them: once, with both sides of what is compared.
    """
    named, chosen = context.opts.get("include_name"), context.opts.get("include_object")
    if is_there and named:
        parents = {"schema_name": key[0], "table_name": key[1]}
        parents["schema_qualified_table_name"] = ".".join(filter(None, key))
        if not named(name, "index", parents):
            return False
    if not chosen:
        return True
    if model is None:
        return bool(chosen(there, name, "index", True, None))
    return bool(chosen(model, name, "index", False, there))


def _reflected(index: VectorIndex, table: Table | None) -> Index | None:
    """Return an index of the database as SQLAlchemy would reflect it."""
    if table is None:
        return None
    on: Any = table.c.get(index.on) if index.is_column else None
    element: Any | TextClause = text(index.on) if on is None else on
    return Index(index.name, element, _table=table, postgresql_using=index.method)
