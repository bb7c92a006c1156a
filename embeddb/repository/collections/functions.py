"""The SQL functions of a collection: its search, its transform, its index's codes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from psycopg import sql

from embeddb.db.database import Connection, TransactionSource
from embeddb.db.queries import Name, query, script, verbatim
from embeddb.db.rendering import as_function_body
from embeddb.records import Vector
from embeddb.repository.collections.text_functions import TextFunctions
from embeddb.repository.roles.privileges import Privileges
from embeddb.repository.search.compiler import Compiler
from embeddb.repository.search.shape import SearchShape
from embeddb.schema import attached_ddl
from embeddb.schema.attached import KeyColumn
from embeddb.schema.catalog import CollectionRecord, Generation
from embeddb.schema.distances import Distance
from embeddb.schema.indexes import IVFPQ, derived_of
from embeddb.schema.keys import key_text_of
from embeddb.schema.layouts import HashPartitions, Layout

_NORMAL_QUANTILES = {2: (-0.43, 0.43), 3: (-0.67, 0.0, 0.67)}
"""Where a normal distribution is cut into equal parts: thresholds until a sample gives better."""


class Functions:
    """Creates and drops what a collection has in `pg_proc`."""

    def __init__(self, database: TransactionSource) -> None:
        self._privileges = Privileges(database.schema)
        self._schema = database.schema
        self._vector_schema = database.vector_schema()
        self._texts = TextFunctions(database)

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
        """Create the search functions from the statements that the Python door sends too.

        Of an attached collection also what its triggers call, which names the active generation.
        """
        self.create_lookup(connection, record)
        compiler = Compiler(record, schema=self._schema, vector_schema=self._vector_schema)
        generation = record.generation
        transform: sql.Composable = sql.SQL("_query")
        if generation.transform is not None:
            function = sql.Identifier(self._schema, record.tables.transform_function)
            transform = sql.SQL("{}(_query)").format(function)
        self._create_search(
            connection,
            record,
            compiler,
            function=sql.Identifier(self._schema, record.tables.search_function),
            arguments=_arguments(sql.SQL("_query {}").format(self._of_pgvector("vector")), True),
            declared=sql.SQL(""),
            query=script(
                "templates",
                "search_by_vector",
                vector_dims=self._of_pgvector("vector_dims"),
                dim=sql.Literal(generation.dim),
                transform=transform,
            ),
        )
        self._texts.create(connection, record)
        self._create_similar(connection, record, compiler)
        for statement in attached_ddl.trigger_functions(record) if record.source else ():
            connection.execute(statement, prepare=False)  # each is two statements
        self._privileges.follow(connection, record)

    def _create_similar(
        self, connection: Connection, record: CollectionRecord, compiler: Compiler
    ) -> None:
        keys = record.source.keys if record.source else (KeyColumn(name="id", type="text"),)
        places = [
            sql.Identifier(("_key_" if "_" + key.name in _VARIABLES else "_") + key.name)
            for key in keys
        ]
        arguments = [
            sql.SQL("{} {}").format(place, verbatim(key.type))
            for place, key in zip(places, keys, strict=True)
        ]
        declared = sql.SQL("_document text; _query {}; _max_distance double precision;").format(
            self._of_pgvector("vector")
        )
        self._create_search(
            connection,
            record,
            compiler,
            without=True,
            function=sql.Identifier(self._schema, record.tables.similar_function),
            arguments=_arguments(sql.SQL(", ").join(arguments), False),
            declared=declared,
            query=script(
                "templates",
                "search_by_document",
                id=key_text_of(keys, list(places)),
                mean=verbatim(as_function_body(compiler.vectors.mean("c"))),
                chunks=sql.Identifier(self._schema, record.tables.chunks_name),
            ),
        )

    def _create_search(
        self,
        connection: Connection,
        record: CollectionRecord,
        compiler: Compiler,
        *,
        without: bool = False,
        **parts: sql.Composable,
    ) -> None:
        layout = record.generation.layout
        shape = SearchShape(limit=None, max_distance=True, without=without)
        statements = [
            as_function_body(compiler.select(replace(shape, filter=filtered, part=parted)))
            for parted in ((False, True) if layout else (False,))
            for filtered in (False, True)
        ]
        key: sql.Composable = sql.SQL("id text")
        if record.source is not None:
            key = sql.SQL(", ").join(
                sql.SQL("{} {}").format(sql.Identifier(one.search_name), verbatim(one.type))
                for one in record.source.keys
            )
        connection.execute(
            script(
                "templates",
                "search_function",
                key=key,
                names=sql.Literal(list(compiler.names())),
                statements=sql.Literal(statements),
                without=sql.SQL("_document" if without else "NULL::text"),
                **self._part(layout),
                **parts,
            )
        )

    def _part(self, layout: Layout | None) -> dict[str, sql.Composable]:
        """Write what the search function does about the part that a filter asks for."""
        if layout is None:
            return {"part": sql.NULL, "known": sql.SQL("")}
        field = sql.Literal(layout.field)
        function = sql.Identifier(self._schema, "filter_part")
        is_known: sql.Composable = sql.SQL("_part IS NOT NULL")
        if not isinstance(layout, HashPartitions):
            is_known = sql.SQL("_part OPERATOR(pg_catalog.=) ANY ({}::text[])").format(
                sql.Literal(list(layout.parts))
            )
        return {
            "part": sql.SQL("{}(_filter, {})").format(function, field),
            "known": script(
                "templates",
                "search_part",
                is_known=is_known,
                field=field,
                unknown=sql.NULL if layout.reads_known_only else sql.SQL("_part"),
            ),
        }

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
        self._texts.drop(connection, record)
        connection.execute(
            query(
                "collections.drop_search",
                function=Name(self._schema, record.tables.search_function),
                vector=self._of_pgvector("vector"),
            ),
            {},
        )
        similar = Name(self._schema, record.tables.similar_function)
        connection.execute(query("collections.drop_similar", function=similar), {})

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
        """Scale to length 1 under cosine: thresholds are about directions, as the distance is."""
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


_VARIABLES = frozenset(
    {
        "_query",
        "_limit",
        "_filter",
        "_max_distance",
        "_names",
        "_statements",
        "_part",
        "_number",
        "_before",
        "_name",
        "_document",
    }
)
"""What a search function calls its own: no argument for a key may have such a name."""


def _arguments(first: sql.Composable, has_distance: bool) -> sql.Composable:
    """Write the arguments of a search function; what it compares by comes first."""
    others = "_limit integer DEFAULT 10,\n    _filter jsonb DEFAULT NULL"
    distance = ",\n    _max_distance double precision DEFAULT NULL"
    return sql.SQL("{},\n    {}{}").format(
        first, sql.SQL(others), sql.SQL(distance if has_distance else "")
    )


def _guess(generation: Generation, levels: int) -> Vector:
    dim = generation.stored_dim
    cuts = np.array(_NORMAL_QUANTILES[levels], dtype=np.float32) / np.sqrt(dim)
    guess: Vector = np.repeat(cuts[:, np.newaxis], dim, axis=1).astype(np.float32)
    return guess
