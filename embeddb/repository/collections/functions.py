"""The SQL functions of a collection: its search, its transform, its index's codes."""

from __future__ import annotations

import numpy as np
from psycopg import sql

from embeddb.db.database import Connection, TransactionSource
from embeddb.db.queries import Name, query, script
from embeddb.records import Vector
from embeddb.repository.collections.chunks_view import ChunksView
from embeddb.repository.collections.search_functions import SearchFunctions
from embeddb.repository.roles.privileges import Privileges
from embeddb.schema import attached_ddl, dependency_ddl
from embeddb.schema.catalog import CollectionRecord, Generation
from embeddb.schema.distances import Distance
from embeddb.schema.indexes import IVFPQ, derived_of

_NORMAL_QUANTILES = {2: (-0.43, 0.43), 3: (-0.67, 0.0, 0.67)}
"""Where a normal distribution is cut into equal parts: thresholds until a sample gives better."""


class Functions:
    """Creates and drops what a collection has in `pg_proc`."""

    def __init__(self, database: TransactionSource) -> None:
        self._privileges = Privileges(database.schema)
        self._schema = database.schema
        self._vector_schema = database.vector_schema()
        self._searches = SearchFunctions(database)
        self._view = ChunksView(database)

    def create(self, connection: Connection, record: CollectionRecord) -> None:
        """Create the functions of a new generation; one that is active gets the search too."""
        if derived_of(record.generation.index) is not None:
            self.create_code(connection, record, None)
        if record.generation.transform is not None:
            self.create_transform(connection, record)
        self.create_lookup(connection, record)
        if record.generation.state == "active":
            self.create_search(connection, record)

    def create_search(self, connection: Connection, record: CollectionRecord) -> None:
        """Create what SQL searches and reads the active generation by: functions and a view.

        Of an attached collection also what its triggers call, which names the active generation.
        """
        self.create_lookup(connection, record)
        self._searches.create(connection, record)
        self._view.create(connection, record)
        if record.source is not None:
            followers = attached_ddl.trigger_functions(record) + dependency_ddl.functions(record)
            for statement in followers:
                connection.execute(statement, prepare=False)  # each is two statements
        self._privileges.follow(connection, record)

    def create_code(
        self, connection: Connection, record: CollectionRecord, thresholds: Vector | None
    ) -> None:
        """Create the function that makes thermometer codes, if the index is on such.

        An index that was built with other thresholds must be dropped before.

        Args:
            connection: where to create it.
            record: whose index it is for.
            thresholds: shape (levels, dim); None: a guess, until there are vectors to learn from.
        """
        derived = derived_of(record.generation.index)
        if derived is None or not derived.has_thresholds:
            return
        if thresholds is None:
            thresholds = _guess(record.generation, derived.levels)
        kind = record.generation.storage.compared_as
        connection.execute(
            script(
                "templates",
                "code_function",
                function=sql.Identifier(self._schema, record.tables.code_function),
                type=self._of_pgvector(kind),
                normalized=self._normalized(record.generation),
                code=sql.SQL(" OPERATOR(pg_catalog.||) ").join(
                    self._level(kind, row) for row in thresholds
                ),
            )
        )

    def drop(self, connection: Connection, record: CollectionRecord) -> None:
        """Drop a generation's own functions; its tables and indexes must be gone."""
        for function, kind in (
            (record.tables.code_function, record.generation.storage.compared_as),
            (record.tables.transform_function, "vector"),
            (record.tables.lookup_function, "vector"),
        ):
            self._drop(connection, function, kind)

    def drop_search(self, connection: Connection, record: CollectionRecord) -> None:
        """Drop the search functions."""
        self._searches.drop(connection, record)

    def create_transform(self, connection: Connection, record: CollectionRecord) -> None:
        """Create the function that applies a generation's transform to a query."""
        transform = record.generation.transform
        assert transform is not None
        connection.execute(
            script(
                "templates",
                "transform_function",
                function=sql.Identifier(self._schema, record.tables.transform_function),
                vector=self._of_pgvector("vector"),
                l2_normalize=self._of_pgvector("l2_normalize"),
                subvector=self._of_pgvector("subvector"),
                inner=sql.SQL("OPERATOR({}.<#>)").format(sql.Identifier(self._vector_schema)),
                transforms=sql.Identifier(self._schema, "transforms"),
                transform_rows=sql.Identifier(self._schema, "transform_rows"),
                id=sql.Literal(transform.id),
            )
        )

    def create_lookup(self, connection: Connection, record: CollectionRecord) -> None:
        """Create the function that makes lookup tables, if the index is IVF-PQ."""
        if not isinstance(record.generation.index, IVFPQ):
            return
        schema = sql.Identifier(self._vector_schema)
        connection.execute(
            script(
                "templates",
                "ivfpq_table",
                function=sql.Identifier(self._schema, record.tables.lookup_function),
                words=sql.Identifier(self._schema, record.tables.words_name),
                vector=self._of_pgvector("vector"),
                sum=self._of_pgvector("sum"),
                inner=sql.SQL("OPERATOR({}.<#>)").format(schema),
                times=sql.SQL("OPERATOR({}.*)").format(schema),
            )
        )

    def drop_lookup(self, connection: Connection, record: CollectionRecord) -> None:
        """Drop the function that makes lookup tables, if it is there."""
        self._drop(connection, record.tables.lookup_function, "vector")

    def _drop(self, connection: Connection, function: str, kind: str) -> None:
        connection.execute(
            query(
                "collections.drop_function",
                function=Name(self._schema, function),
                type=self._of_pgvector(kind),
            ),
            {},
        )

    def _normalized(self, generation: Generation) -> sql.Composable:
        """Return the vector, of length 1 under cosine: thresholds are about directions then."""
        if generation.distance is not Distance.COSINE:
            return sql.SQL("_vector")
        return sql.SQL("{}(_vector)").format(self._of_pgvector("l2_normalize"))

    def _level(self, kind: str, thresholds: Vector) -> sql.Composed:
        literal = "[" + ",".join(map(repr, thresholds.tolist())) + "]"
        return sql.SQL("{}(_vector OPERATOR({}.-) {}::{})").format(
            self._of_pgvector("binary_quantize"),
            sql.Identifier(self._vector_schema),
            sql.Literal(literal),
            self._of_pgvector(kind),
        )

    def _of_pgvector(self, name: str) -> sql.Identifier:
        return sql.Identifier(self._vector_schema, name)


def _guess(generation: Generation, levels: int) -> Vector:
    dim = generation.stored_dim
    cuts = np.array(_NORMAL_QUANTILES[levels], dtype=np.float32) / np.sqrt(dim)
    guess: Vector = np.repeat(cuts[:, np.newaxis], dim, axis=1).astype(np.float32)
    return guess
