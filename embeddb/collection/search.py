"""Hits out: what searches, counts and reads documents."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Unpack

from numpy.typing import ArrayLike

from embeddb.collection.base import CollectionBase
from embeddb.collection.ids import Id, one_id, some_ids
from embeddb.db.deadlines import Deadline
from embeddb.errors import (
    ConfigurationError,
    InvalidVectorError,
)
from embeddb.pipeline.generation.model import Query
from embeddb.records import Document, Hit, SearchPlan
from embeddb.repository.search.options import Filter, SearchFilters, SearchOptions

if TYPE_CHECKING:
    import sqlalchemy as sa

FILTERS = SearchFilters.__optional_keys__
"""What a search takes that has no choice between the index and exact search."""


class SearchMethods(CollectionBase):
    """The methods of a collection that search, count and read documents."""

    def search(
        self,
        query: Query,
        limit: int = 10,
        *,
        timeout: float | None = None,
        **options: Unpack[SearchOptions],
    ) -> list[Hit]:
        """Return the nearest chunks, nearest first.

        Args:
            query: a text, or a vector of shape (dim,).
            limit: how many chunks, as far as so many pass the filter.
            timeout: how many seconds it may take, with encoding and waiting for a connection,
                neither of which is interrupted; None: as long as the session allows.
            options: `filter`, `max_distance` and `exact`, see `SearchOptions`.

        Raises:
            FilterError: an unknown operator or a malformed filter; nothing is ignored.
            DimensionMismatchError, InvalidVectorError: the query cannot be compared.
            QueryTimeoutError: it took longer than it may.
        """
        deadline = Deadline(timeout)
        request = self._request(limit, options)
        hits = self._read(
            lambda: self._searcher.search(self._model.query(query), *request, deadline)
        )
        self._warn_of_unmatched(options.get("filter"), short=len(hits) < limit)
        return hits

    def search_many(
        self,
        queries: Sequence[str] | ArrayLike,
        limit: int = 10,
        **options: Unpack[SearchFilters],
    ) -> list[list[Hit]]:
        """Return the nearest chunks for each of several queries, faster than one by one.

        Texts are encoded together, and the searches are sent ahead of the answers, over up to
        three connections if so many can be had.

        Args:
            queries: texts, or vectors of shape (n, dim).
            limit: how many chunks for each query, as far as so many pass the filter.
            options: `filter` and `max_distance`, see `SearchFilters`.

        Raises:
            FilterError: an unknown operator or a malformed filter; nothing is ignored.
            DimensionMismatchError, InvalidVectorError: a query cannot be compared.
        """
        request = self._request(limit, options, FILTERS)
        found = self._read(
            lambda: self._searcher.search_many(self._model.queries(queries), *request)
        )
        short = any(len(hits) < limit for hits in found)
        self._warn_of_unmatched(options.get("filter"), short=short)
        return found

    def search_with_plan(
        self, query: Query, limit: int = 10, **options: Unpack[SearchOptions]
    ) -> tuple[list[Hit], SearchPlan]:
        """Return the nearest chunks, and how Postgres found them.

        The search runs twice, once of them under EXPLAIN ANALYZE.

        Args:
            query: a text, or a vector of shape (dim,).
            limit: how many chunks, as far as so many pass the filter.
            options: `filter`, `max_distance` and `exact`, see `SearchOptions`.

        Raises:
            FilterError: an unknown operator or a malformed filter; nothing is ignored.
            DimensionMismatchError, InvalidVectorError: the query cannot be compared.
        """
        request = self._request(limit, options)
        hits, plan = self._read(lambda: self._plans.search(self._model.query(query), request))
        self._warn_of_unmatched(options.get("filter"), short=len(hits) < limit)
        return hits, plan

    def plan(self, query: Query, limit: int = 10, **options: Unpack[SearchOptions]) -> SearchPlan:
        """Return how Postgres answers a search: its strategy, and how many rows that reads.

        Args:
            query: a text, or a vector of shape (dim,).
            limit: how many chunks the search is for.
            options: `filter`, `max_distance` and `exact`, see `SearchOptions`.

        Raises:
            FilterError: an unknown operator or a malformed filter; nothing is ignored.
            DimensionMismatchError, InvalidVectorError: the query cannot be compared.
        """
        return self.search_with_plan(query, limit, **options)[1]

    def similar(
        self,
        id: Id,
        limit: int = 10,
        *,
        timeout: float | None = None,
        **options: Unpack[SearchFilters],
    ) -> list[Hit]:
        """Return the chunks nearest to the mean of a document's chunks, its own left out.

        Args:
            id: the document; a whole number or a UUID is written out.
            limit: how many chunks, as far as so many pass the filter.
            timeout: how many seconds it may take, as of `search`.
            options: `filter` and `max_distance`, see `SearchFilters`.

        Raises:
            QueryTimeoutError: it took longer than it may.
            ConfigurationError: there is no document of that id, or it is no id.
            InvalidVectorError: the mean of its chunks is zero, which is near to nothing.
            FilterError: an unknown operator or a malformed filter; nothing is ignored.
        """
        deadline = Deadline(timeout)
        wanted = self._documents.stored_ids([one_id(id)])[0]
        request = self._request(limit, options, FILTERS, without=wanted)
        vector = self._documents.mean_vector(wanted) if some_ids(wanted) else None
        if vector is None:
            raise ConfigurationError(f"There is no document {id!r} in {self.name!r}.")
        if not vector.any():
            raise InvalidVectorError(
                f"The chunks of document {id!r} point into opposite directions: their mean is zero."
            )
        hits = self._searcher.search(vector, *request, deadline)
        self._warn_of_unmatched(options.get("filter"), short=len(hits) < limit)
        return hits

    def get(self, ids: Id | Iterable[Id], *, embeddings: bool = False) -> list[Document]:
        """Return the documents of these ids, in their order; those not there are left out.

        Args:
            ids: one id or several; whole numbers and UUIDs are written out.
            embeddings: whether each document comes with the vector of its first chunk.

        Raises:
            ConfigurationError: one is no id.
        """
        wanted = self._documents.stored_ids(some_ids(ids))
        found = self._documents.get(wanted)
        if not embeddings:
            return found
        vectors = self._documents.first_vectors(wanted)
        return [replace(document, embedding=vectors.get(document.id)) for document in found]

    def count(self, filter: Filter = None) -> int:
        """Return the number of documents that pass a filter; without one, of all."""
        condition, values = self._condition(filter)
        count = self._documents.count(condition, values)
        self._warn_of_unmatched(filter, short=count == 0)
        return count

    def count_chunks(self) -> int:
        """Return the number of chunks."""
        return self._documents.count_chunks()

    def peek(self, limit: int = 5) -> list[Document]:
        """Return a few documents, in no particular order."""
        return self._documents.peek(limit)

    def sql(self, query: Query, limit: int = 10, **options: Unpack[SearchOptions]) -> str:
        """Return the statement that `search` would send, to be pasted into psql.

        Args:
            query: a text, or a vector of shape (dim,).
            limit: how many chunks.
            options: `filter`, `max_distance` and `exact`, see `SearchOptions`.
        """
        request = self._request(limit, options)
        return self._searcher.sql(self._model.query(query), *request)

    def explain(
        self,
        query: Query,
        limit: int = 10,
        *,
        analyze: bool = False,
        **options: Unpack[SearchOptions],
    ) -> str:
        """Return Postgres's plan of a search, below a summary of it in comments.

        Args:
            query: a text, or a vector of shape (dim,).
            limit: how many chunks.
            analyze: run the search: the plan then has times and buffers, and the comments say
                what `plan` returns.
            options: `filter`, `max_distance` and `exact`, see `SearchOptions`.
        """
        request = self._request(limit, options)
        vector = self._model.query(query)
        return "\n".join(self._plans.explain(vector, request, analyze=analyze))

    def select(
        self, query: Query, limit: int = 10, **options: Unpack[SearchFilters]
    ) -> sa.Select[Any]:
        """Return the search as a SQLAlchemy Select, for your own sessions, async ones too.

        Its columns are id, chunk_no, content, metadata, distance, score, uri, start and stop.
        Settings that it needs (hnsw.ef_search, …) end with the transaction that executes it.

        Args:
            query: a text, or a vector of shape (dim,).
            limit: how many chunks.
            options: `filter` and `max_distance`, see `SearchFilters`.
        """
        shape, values = self._request(limit, options, FILTERS)
        # SQLAlchemy writes JSON itself, so it is given what psycopg's wrapper holds
        plain = {name: getattr(value, "obj", value) for name, value in values.items()}
        vector = self._model.query(query).tolist()
        return self._searcher.compiler.select(shape).params(query=vector, **plain)
