"""Hits out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from numpy.typing import ArrayLike

from embeddb.collection.base import BoundCollection
from embeddb.errors import (
    ConfigurationError,
    InvalidVectorError,
)
from embeddb.pipeline.generation.model import Query
from embeddb.records import Document, Hit, SearchPlan
from embeddb.repository.search.searcher import Filter

if TYPE_CHECKING:
    import sqlalchemy as sa


class Reading(BoundCollection):
    """What searches, counts and reads documents."""

    def search(
        self,
        query: Query,
        limit: int = 10,
        *,
        filter: Filter = None,
        max_distance: float | None = None,
        exact: bool = False,
    ) -> list[Hit]:
        """Find the nearest chunks, nearest first.

        Args:
            query: a text, or a vector of shape (dim,).
            limit: how many chunks, as far as so many pass the filter.
            filter: see docs/search.md.
            max_distance: leave out what is farther.
            exact: read every row instead of the index.

        Raises:
            FilterError: an unknown operator or a malformed filter; nothing is ignored.
            DimensionMismatchError, InvalidVectorError: the query cannot be compared.
        """
        request = self._request(limit, filter, max_distance, exact=exact)
        return self._read(lambda: self._searcher.search(self._model.query(query), *request))

    def search_many(
        self,
        queries: Sequence[str] | ArrayLike,
        limit: int = 10,
        *,
        filter: Filter = None,
        max_distance: float | None = None,
    ) -> list[list[Hit]]:
        """Search for several queries, texts or vectors of shape (n, dim): faster than one by one.

        Texts are encoded together, and the searches are sent ahead of the answers, over up to
        three connections if so many can be had.

        Raises:
            What `search` raises.
        """
        request = self._request(limit, filter, max_distance)
        return self._read(
            lambda: self._searcher.search_many(self._model.queries(queries), *request)
        )

    def search_with_plan(
        self,
        query: Query,
        limit: int = 10,
        *,
        filter: Filter = None,
        max_distance: float | None = None,
        exact: bool = False,
    ) -> tuple[list[Hit], SearchPlan]:
        """Search, and tell how the hits were found; it runs twice, once under EXPLAIN ANALYZE.

        Raises:
            What `search` raises.
        """
        request = self._request(limit, filter, max_distance, exact=exact)
        return self._read(lambda: self._plans.search(self._model.query(query), request))

    def plan(
        self,
        query: Query,
        limit: int = 10,
        *,
        filter: Filter = None,
        max_distance: float | None = None,
        exact: bool = False,
    ) -> SearchPlan:
        """Tell how Postgres answers a search: by which way, and how many rows that reads.

        Raises:
            What `search` raises.
        """
        return self.search_with_plan(
            query, limit, filter=filter, max_distance=max_distance, exact=exact
        )[1]

    def similar(
        self, id: str, limit: int = 10, *, filter: Filter = None, max_distance: float | None = None
    ) -> list[Hit]:
        """Find the chunks nearest to the mean of a document's chunks, its own left out.

        Raises:
            ConfigurationError: there is no document of that id.
        """
        vector = self._documents.mean_vector(id)
        if vector is None:
            raise ConfigurationError(f"There is no document {id!r} in {self.name!r}.")
        if not vector.any():
            raise InvalidVectorError(
                f"The chunks of document {id!r} point into opposite directions: their mean is zero."
            )
        request = self._request(limit, filter, max_distance, without=id)
        return self._searcher.search(vector, *request)

    def get(self, ids: str | Sequence[str], *, embeddings: bool = False) -> list[Document]:
        """Give the documents of these ids, in their order; those not there are left out.

        Args:
            ids: one id or several.
            embeddings: give each document the vector of its first chunk.
        """
        wanted = [ids] if isinstance(ids, str) else list(ids)
        found = self._documents.get(wanted)
        if not embeddings:
            return found
        vectors = self._documents.first_vectors(wanted)
        return [replace(document, embedding=vectors.get(document.id)) for document in found]

    def count(self, filter: Filter = None) -> int:
        """Count the documents that pass a filter."""
        condition, values = self._condition(filter)
        return self._documents.count(condition, values)

    def count_chunks(self) -> int:
        """Count the chunks."""
        return self._documents.count_chunks()

    def peek(self, limit: int = 5) -> list[Document]:
        """Give a few documents, as they come."""
        return self._documents.peek(limit)

    def sql(
        self,
        query: Query,
        limit: int = 10,
        *,
        filter: Filter = None,
        max_distance: float | None = None,
        exact: bool = False,
    ) -> str:
        """Write the statement that `search` would send, to be pasted into psql."""
        request = self._request(limit, filter, max_distance, exact=exact)
        return self._searcher.sql(self._model.query(query), *request)

    def explain(
        self,
        query: Query,
        limit: int = 10,
        *,
        filter: Filter = None,
        max_distance: float | None = None,
        exact: bool = False,
        analyze: bool = False,
    ) -> str:
        """Give Postgres's plan of a search, below what it comes to as comments.

        With `analyze` it is run: the comments are those of `plan`, and the plan has times and
        buffers.
        """
        request = self._request(limit, filter, max_distance, exact=exact)
        vector = self._model.query(query)
        return "\n".join(self._plans.explain(vector, request, analyze=analyze))

    def select(
        self,
        query: Query,
        limit: int = 10,
        *,
        filter: Filter = None,
        max_distance: float | None = None,
    ) -> sa.Select[Any]:
        """Give the search as a SQLAlchemy Select, for a session of your own, async ones included.

        Its columns are id, chunk_no, content, metadata, distance, score, uri, start and stop.
        What it sets for itself (hnsw.ef_search, …) ends with the transaction that executes it.
        """
        request = self._request(limit, filter, max_distance)
        shape, values = request
        plain = {name: getattr(value, "obj", value) for name, value in values.items()}
        vector = self._model.query(query).tolist()
        return self._searcher.compiler.select(shape).params(query=vector, **plain)
