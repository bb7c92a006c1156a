"""What Alembic calls when it starts: it makes `--autogenerate` see vectors and embeddings.

Alembic 1.18 and newer find this module by the entry point in `alembic.plugins`, while they are
being imported themselves: it imports nothing of `alembic` that is not ready by then.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any

from alembic.operations import ops
from sqlalchemy import Column, Table

from embeddb.alembic import vector_types
from embeddb.alembic.apart import set_apart
from embeddb.alembic.collections.compare import compare_collections
from embeddb.alembic.own_objects import leave_out
from embeddb.alembic.vector_indexes.compare import compare_vector_indexes, take_over
from embeddb.config import Settings

if TYPE_CHECKING:
    from alembic.autogenerate.api import AutogenContext
    from alembic.runtime.plugins import Plugin

GROUP = "alembic.plugins"
NAME = "alembic.autogenerate.embeddb"
"""Alembic takes plugins named `alembic.autogenerate.*` unless told otherwise."""


def setup(plugin: Plugin) -> None:
    """Register our comparators, called by Alembic.

    What keeps Alembic from comparing vector indexes itself comes first; what compares them in its
    place comes after Alembic's own.
    """
    from alembic.util import DispatchPriority

    first, last = DispatchPriority.FIRST, DispatchPriority.LAST
    add: Callable[..., None] = plugin.add_autogenerate_comparator
    add(prepare, "schema", priority=first)
    add(compare_column, "column", priority=last)
    add(compare_table, "table", priority=last)
    add(finish, "schema", priority=last)


def register() -> None:
    """Register now where no entry point does it: with an older Alembic, or without installation."""
    try:
        from alembic.runtime.plugins import Plugin
    except ImportError:  # before Alembic 1.18
        _register_by_hand()
        return
    # with an entry point, Alembic registers it itself: it has done so, or is about to
    if not any(entry.name == NAME for entry in entry_points(group=GROUP)) and not _is_known():
        import embeddb.alembic.plugin as module

        Plugin.setup_plugin_from_module(module, NAME)


def _is_known() -> bool:
    from alembic.runtime import plugins

    return NAME in plugins._all_plugins


def _register_by_hand() -> None:
    from alembic.autogenerate import comparators

    listed: dict[tuple[str, str], list[Any]] = comparators._registry
    if prepare not in listed["schema", "default"]:
        # tables are compared by the first one of the list, and have to find everything prepared
        listed["schema", "default"].insert(0, prepare)
        listed["column", "default"].append(compare_column)
        listed["table", "default"].append(compare_table)
        listed["schema", "default"].append(finish)


def prepare(context: AutogenContext, upgrade: ops.UpgradeOps, schemas: set[str | None]) -> None:
    """Before tables are compared: leave embeddb's own schema out, and take vector indexes over."""
    if _is_postgres(context):
        schemas.discard(Settings.from_environment().schema)
        context.opts["render_item"] = vector_types.rendering(context.opts.get("render_item"))
        leave_out(context)
        take_over(context)


def finish(context: AutogenContext, upgrade: ops.UpgradeOps, schemas: set[str | None]) -> None:
    """After tables have been compared: add what has to be done for embeddings."""
    if _is_postgres(context):
        compare_collections(context, upgrade, schemas)
        set_apart(upgrade)


def compare_column(
    context: AutogenContext,
    change: ops.AlterColumnOp,
    schema: str | None,
    table: str,
    name: str,
    there: Column[Any],
    model: Column[Any],
) -> None:
    """After Alembic has compared a column: add what it misses of pgvector's types."""
    if _is_postgres(context) and context.migration_context._user_compare_type is not False:
        vector_types.compare_type(change, there, model)


def compare_table(
    context: AutogenContext,
    changes: ops.ModifyTableOps,
    schema: str | None,
    name: str,
    there: Table | None,
    model: Table | None,
) -> None:
    """After Alembic has compared a table: add what has to be done for its vector indexes."""
    if _is_postgres(context):
        compare_vector_indexes(context, changes, (schema, name), there, model)


def _is_postgres(context: AutogenContext) -> bool:
    return context.dialect is not None and context.dialect.name == "postgresql"
