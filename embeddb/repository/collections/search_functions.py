"""The SQL functions that search a collection: by a vector, by a text, by one of its documents."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from psycopg import sql

from embeddb.db.database import Connection, TransactionSource
from embeddb.db.queries import Name, query, script, verbatim
from embeddb.db.rendering import as_function_body
from embeddb.db.session import LITERALS, SETTINGS, as_clauses
from embeddb.repository.collections.text_functions import TextFunctions
from embeddb.repository.search.compiler import Compiler
from embeddb.repository.search.shape import SearchShape
from embeddb.schema.attached import KeyColumn
from embeddb.schema.catalog import CollectionRecord
from embeddb.schema.keys import equal_keys, key_text_of, read_alike
from embeddb.schema.layouts import HashPartitions, Layout

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


class SearchFunctions:
    """Creates and drops them, from the statements that a search in Python sends too."""

    def __init__(self, database: TransactionSource) -> None:
        self._schema = database.schema
        self._vector_schema = database.vector_schema()
        self._texts = TextFunctions(database)

    def create(self, connection: Connection, record: CollectionRecord) -> None:
        """Create them, or put them in place of those that are there."""
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
            arguments=search_arguments(
                sql.SQL("_query {}").format(self._of_pgvector("vector")), True
            ),
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

    def drop(self, connection: Connection, record: CollectionRecord) -> None:
        """Drop them, if they are there."""
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
            arguments=search_arguments(sql.SQL(", ").join(arguments), False),
            declared=declared,
            query=self._of_document(record, compiler, keys, places),
        )

    def _of_document(
        self,
        record: CollectionRecord,
        compiler: Compiler,
        keys: Sequence[KeyColumn],
        places: Sequence[sql.Identifier],
    ) -> sql.Composable:
        """Return what makes the query of a document's key."""
        parts = {
            "id": key_text_of(keys, list(places)),
            "mean": verbatim(as_function_body(compiler.vectors.mean("c"))),
            "chunks": sql.Identifier(self._schema, record.tables.chunks_name),
        }
        otherwise: sql.Composable = sql.SQL("")
        if record.source is not None and not read_alike(keys):
            equal = equal_keys(keys, "c", places)
            otherwise = script("templates", "search_by_equal_key", equal=equal, **parts)
        return script("templates", "search_by_document", otherwise=otherwise, **parts)

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
                # a source's view writes keys and metadata as the session is set to
                settings=as_clauses(LITERALS if record.source is None else SETTINGS),
                key=key,
                names=sql.Literal(list(compiler.names())),
                statements=sql.Literal(statements),
                without=sql.SQL("_document" if without else "NULL::text"),
                **self._part(layout),
                **parts,
            )
        )

    def _part(self, layout: Layout | None) -> dict[str, sql.Composable]:
        """Return what a search function does about the part that a filter asks for."""
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

    def _of_pgvector(self, name: str) -> sql.Identifier:
        return sql.Identifier(self._vector_schema, name)


def search_arguments(first: sql.Composable, has_distance: bool) -> sql.Composable:
    """Return the arguments of a search function; what it compares by comes first."""
    others = "_limit integer DEFAULT 10,\n    _filter jsonb DEFAULT NULL"
    distance = ",\n    _max_distance double precision DEFAULT NULL"
    return sql.SQL("{},\n    {}{}").format(
        first, sql.SQL(others), sql.SQL(distance if has_distance else "")
    )
