"""What a caller may say of a search; every search of a collection takes it by the same keywords."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias, TypedDict

from embeddb.db.rendering import Expression

Filter: TypeAlias = Mapping[str, Any] | Expression | None
"""`{"year": {"$gte": 2020}}`, or an expression over `collection.columns`."""


class SearchFilters(TypedDict, total=False):
    """Which chunks a search may find.

    Attributes:
        filter: what the metadata of a document must be, as a dict such as
            `{"year": {"$gte": 2020}}` or an expression over `collection.columns`; see
            docs/search.md.
        max_distance: chunks that are farther from the query are left out.
    """

    filter: Filter
    max_distance: float | None


class SearchOptions(SearchFilters, total=False):
    """Which chunks a search may find, and how it looks for them.

    Attributes:
        filter: what the metadata of a document must be, as in `SearchFilters`.
        max_distance: chunks that are farther from the query are left out.
        exact: whether every row is read, instead of the index.
    """

    exact: bool


def check_known(given: SearchFilters, known: frozenset[str]) -> None:
    """Check that every option of a search is one that it knows.

    Args:
        given: the keywords of a call, which Python takes whatever they are.
        known: the options there are.

    Raises:
        TypeError: one is not, as for any function's unknown keyword.
    """
    for name in given:
        if name not in known:
            raise TypeError(
                f"unexpected keyword argument {name!r}: this search takes "
                f"{', '.join(sorted(known))}"
            )
