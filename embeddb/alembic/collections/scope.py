"""Which collections a run of autogenerate compares, and which of them it may detach."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import sqlalchemy as sa
from sqlalchemy.exc import NoSuchTableError

from embeddb.alembic.collections.attachment import table_text
from embeddb.alembic.collections.owner import own_schema, owner_of
from embeddb.repository.catalog.sqlalchemy_reader import Place, read_place
from embeddb.schema.attached import UNKNOWN_OWNER, SourceTable

if TYPE_CHECKING:
    from alembic.autogenerate.api import AutogenContext


class Scope:
    """What belongs to the metadata that is compared, as its schemas and its hooks bound it.

    Attributes:
        connection: the one that the database is read by.
        owner: the chain of migrations that the run is for.
    """

    def __init__(self, context: AutogenContext, schemas: set[str | None]) -> None:
        assert context.connection is not None
        self._context = context
        self.connection = context.connection
        self._schemas = schemas
        self._own = own_schema(context.migration_context)
        self._places: dict[tuple[str | None, str], Place] = {}
        self.owner = owner_of(context.migration_context)

    def place(self, schema: str | None, table: str) -> Place:
        """Return where a table is, or will be: None is the schema that the search path finds."""
        key = schema, table
        if key not in self._places:
            found = read_place(self.connection, table_text(schema, table))
            self._places[key] = found or Place(schema or self._own, table)
        return self._places[key]

    def follows(self, source: SourceTable, table: Place) -> bool:
        """Return whether a collection follows the table at a place."""
        return (source.schema, source.table) == table

    def may_detach(self, source: SourceTable) -> bool:
        """Return whether a collection is this chain's, on a table that the hooks let in.

        One whose owner was not kept is taken for this chain's where its table is in the metadata.
        """
        model = self._model(source)
        unknown = source.owner == UNKNOWN_OWNER and model is not None
        return (source.owner == self.owner or unknown) and self._lets_in(source, model)

    def lets_in_model(self, table: sa.Table) -> bool:
        """Return whether the application's hooks let a table of its models in."""
        if not self._has_hooks():
            return True
        found = read_place(self.connection, table_text(table.schema, table.name))
        if found is None:
            return self._context.run_object_filters(table, table.name, "table", False, None)
        schema = self._schema_of(*found)
        return self._passes(schema, table.name, table)

    def _model(self, source: SourceTable) -> sa.Table | None:
        """Return the table of the models that a collection follows."""
        alike = (table for table in self._context.sorted_tables if table.name == source.table)
        return next(
            (
                table
                for table in alike
                if self.follows(source, self.place(table.schema, table.name))
            ),
            None,
        )

    def _lets_in(self, source: SourceTable, model: sa.Table | None) -> bool:
        schema = self._schema_of(source.schema, source.table)
        return schema in self._schemas and self._passes(schema, source.table, model)

    def _passes(self, schema: str | None, name: str, model: sa.Table | None) -> bool:
        """Return whether both hooks let a table of the database in."""
        context = self._context
        if not context.run_name_filters(name, "table", {"schema_name": schema}):
            return False
        if not context.opts.get("include_object"):
            return True
        there = self._reflected(schema, name)
        if model is None:
            return context.run_object_filters(there, name, "table", True, None)
        return context.run_object_filters(model, name, "table", False, there)

    def _reflected(self, schema: str | None, name: str) -> sa.Table:
        table = sa.Table(name, sa.MetaData(), schema=schema)
        with suppress(NoSuchTableError):  # it was dropped by hand: a hook sees its name
            self._context.inspector.reflect_table(table, None, resolve_fks=False)
        return table

    def _schema_of(self, schema: str, table: str) -> str | None:
        """Return a schema as Alembic has it: None where the search path finds the table."""
        found_by_name = self.place(None, table) == (schema, table)
        return None if schema == self._own or found_by_name else schema

    def _has_hooks(self) -> bool:
        options = self._context.opts
        return bool(options.get("include_object") or options.get("include_name"))
