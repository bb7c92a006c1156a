"""What a deletion is asked to delete: neither nothing nor, by mistake, everything."""

from __future__ import annotations

from embeddb.errors import ConfigurationError, FilterError
from embeddb.repository.search.filters import checked_filter, lets_all_pass
from embeddb.repository.search.options import Filter


def check_deletion(*, ids: object, filter: Filter, all: bool) -> None:
    """Check that a deletion is asked for by ids, by a filter that not everything passes, or of all.

    A filter that every document passes, beside `all`, is taken for all.

    Raises:
        ConfigurationError: it is asked for in no such way, or in several.
        FilterError: the filter is none, or every document passes it, and it is not said that all
            are meant.
    """
    if [ids is not None, filter is not None, all].count(True) == 0:
        raise ConfigurationError("A deletion needs ids, a filter, or all=True (--all).")
    if ids is not None and (filter is not None or all):
        raise ConfigurationError("A deletion takes ids alone, without a filter and without all.")
    if filter is None:
        return
    passes_all = lets_all_pass(checked_filter(filter))
    if passes_all and not all:
        raise FilterError(
            f"Every document passes the filter {filter!r}, and nothing was deleted. Correct the "
            "filter, or pass all=True (--all) to delete them all."
        )
    if all and not passes_all:
        raise ConfigurationError(
            "A deletion takes a filter or all=True (--all), not both: not all documents pass this "
            "filter."
        )
