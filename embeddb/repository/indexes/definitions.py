"""The statements that build a collection's indexes, and the names of these."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from psycopg import sql

from embeddb.db.database import Database
from embeddb.db.queries import Name, query
from embeddb.schema.catalog import CollectionRecord
from embeddb.schema.indexes import HNSW, IndexSpec, IVFFlat
from embeddb.schema.layouts import PartialIndexes
from embeddb.schema.vector_expressions import Vectors


class IndexDefinitions:
    """What indexes one generation can have."""

    def __init__(self, database: Database, record: CollectionRecord) -> None:
        self._database = database
        self._record = record
        self._tables = record.tables

    def vector_names(self, index: IndexSpec, among: Sequence[str] | None = None) -> list[str]:
        """Return the names of the vector indexes of a spec: one, and one for each declared part."""
        names = [self._tables.vector_index(index.method)]
        if isinstance(layout := self._record.generation.layout, PartialIndexes):
            suffixes = map(str, range(len(layout.parts)))
            names += [self._tables.part_index(index.method, suffix) for suffix in suffixes]
        return names if among is None else [name for name in names if name in among]

    def vector_sql(
        self,
        index: HNSW | IVFFlat,
        name: str,
        *,
        block: str = "create_vector",
        table: str | None = None,
        **parts: sql.Composable,
    ) -> sql.Composed:
        """Return the statement that builds an index, of the whole table or of a partition."""
        vectors = self.vectors(index)
        options = (
            sql.SQL("{} = {}").format(Name(option), sql.Literal(value))
            for option, value in index.options().items()
        )
        return query(
            "indexes." + block,
            index=Name(name),
            chunks=Name(self._tables.schema, table) if table else self._tables.chunks,
            method=Name(index.method),
            expression=vectors.index_expression(),
            opclass=Name(self._database.vector_schema(), vectors.held.opclass),
            options=sql.SQL(", ").join(options),
            **parts,
        )

    def metadata_sql(self) -> sql.Composed:
        """Return the statement that builds the index on the metadata."""
        return query(
            "indexes.create_metadata",
            index=Name(self._tables.metadata_index),
            documents=self._tables.documents,
        )

    def vectors(self, index: IndexSpec) -> Vectors:
        """Return the vector expressions of a collection that has this index."""
        generation = replace(self._record.generation, index=index)
        return Vectors.of(replace(self._record, generation=generation), self._database)
