"""Vector indexes as data: what pgvector can build, checked before anything is asked of it.

Limits and defaults are those of https://github.com/pgvector/pgvector#indexing (0.8).
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any, ClassVar, TypeAlias

from embeddb.errors import IndexSpecError
from embeddb.schema.distances import Distance
from embeddb.schema.storage import Storage

MAX_EF_SEARCH = 1_000
DEFAULT_EF_SEARCH = 40


def _within(name: str, value: int, low: int, high: int) -> None:
    if not low <= value <= high:
        raise IndexSpecError(f"{name} must be from {low} to {high}, not {value}.")


@dataclass(frozen=True, slots=True)
class HNSW:
    """A graph index: the best recall for its speed, slower to build than IVFFlat.

    Args:
        m: links per node, 2 to 100.
        ef_construction: candidates while building, 4 to 1000, at least 2 * m.
        ef_search: candidates while searching, 1 to 1000; None leaves it to the server (40),
            and a search for more rows raises it.

    Raises:
        IndexSpecError: a value is out of its range.
    """

    m: int = 16
    ef_construction: int = 64
    ef_search: int | None = None

    method: ClassVar[str] = "hnsw"

    def __post_init__(self) -> None:
        _within("m", self.m, 2, 100)
        _within("ef_construction", self.ef_construction, 4, 1000)
        if self.ef_construction < 2 * self.m:
            raise IndexSpecError(
                f"ef_construction must be at least 2 * m = {2 * self.m}, "
                f"not {self.ef_construction}."
            )
        if self.ef_search is not None:
            _within("ef_search", self.ef_search, 1, MAX_EF_SEARCH)

    def options(self) -> dict[str, int]:
        """Give the WITH options of the index."""
        return {"m": self.m, "ef_construction": self.ef_construction}

    def resolved(self, rows: int) -> HNSW:
        """Fix what was left open: nothing depends on the number of rows here."""
        return self


@dataclass(frozen=True, slots=True)
class IVFFlat:
    """An index of lists around k-means centres: quick to build, needs rows to learn from.

    Args:
        lists: 1 to 32768; None: rows / 1000, or the root of the rows above a million.
        probes: lists read by a search; None: the root of `lists`.

    Raises:
        IndexSpecError: a value is out of its range.
    """

    lists: int | None = None
    probes: int | None = None

    method: ClassVar[str] = "ivfflat"

    def __post_init__(self) -> None:
        if self.lists is not None:
            _within("lists", self.lists, 1, 32_768)
        if self.probes is not None:
            _within("probes", self.probes, 1, 32_768)
            if self.lists is not None and self.probes > self.lists:
                raise IndexSpecError(f"probes ({self.probes}) exceeds lists ({self.lists}).")

    def lists_for(self, rows: int) -> int:
        """Choose the number of lists for so many rows, as pgvector's README advises."""
        if self.lists is not None:
            return self.lists
        chosen = rows / 1000 if rows <= 1_000_000 else math.sqrt(rows)
        return min(max(int(chosen), 1), 32_768)

    def options(self) -> dict[str, int]:
        """Give the WITH options of the index, once it is resolved."""
        return {"lists": self.lists_for(0)}

    def resolved(self, rows: int) -> IVFFlat:
        """Fix what was left open, for so many rows; one probe, pgvector's default, is too few."""
        lists = self.lists_for(rows)
        return IVFFlat(lists, self.probes or math.ceil(math.sqrt(lists)))


IndexSpec: TypeAlias = HNSW | IVFFlat


def check_index(index: IndexSpec, *, storage: Storage, distance: Distance, dim: int) -> None:
    """Refuse what pgvector would refuse at build time.

    Raises:
        IndexSpecError: no operator class, or more dimensions than the index takes.
    """
    if isinstance(index, IVFFlat) and distance is Distance.L1:
        raise IndexSpecError("IVFFlat has no l1 operator class; use HNSW or index=None.")
    if dim > storage.max_index_dim:
        remedy = (
            'use storage="halfvec" (up to 4000)'
            if storage is Storage.VECTOR and dim <= Storage.HALFVEC.max_index_dim
            else "use a model with fewer dimensions"
        )
        raise IndexSpecError(
            f"pgvector indexes at most {storage.max_index_dim} dimensions of a {storage.label}, "
            f"not {dim}: {remedy}, or index=None for exact search."
        )


def opclass(storage: Storage, distance: Distance) -> str:
    """Name the operator class."""
    return storage.label + "_" + distance.opclass_suffix


def to_json(index: IndexSpec | None) -> dict[str, Any] | None:
    """Write a spec as the catalog keeps it."""
    return None if index is None else {"method": index.method, **asdict(index)}


def from_json(value: dict[str, Any] | None) -> IndexSpec | None:
    """Read a spec from the catalog."""
    if value is None:
        return None
    fields = {key: item for key, item in value.items() if key != "method"}
    return IVFFlat(**fields) if value["method"] == "ivfflat" else HNSW(**fields)
