"""Vector indexes as data: each spec checked by itself, before it meets a collection.

Limits and defaults are those of https://github.com/pgvector/pgvector#indexing (0.8).
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, replace
from typing import Any, ClassVar, Literal, TypeAlias

from embeddb.errors import ConfigurationError, IndexSpecError, did_you_mean
from embeddb.schema.derived import Derived

MAX_EF_SEARCH = 1_000
DEFAULT_EF_SEARCH = 40
MAX_OVERSAMPLE = 1_000.0

CODES_WIDER = 2
"""Many codes are equally far, and a graph over them leads astray more easily: looking at twice as
many as are rescored costs less than rescoring as many more would for the same recall."""


def _within(name: str, value: float, low: float, high: float, *, whole: bool = True) -> None:
    kind = int if whole else int | float
    if isinstance(value, bool) or not isinstance(value, kind) or not low <= value <= high:
        number = " a whole number" if whole else ""
        raise IndexSpecError(f"{name} must be{number} from {low:g} to {high:g}, not {value!r}.")


def _check_derived(on: str | None, oversample: float | None) -> None:
    if on is not None:
        Derived.parse(on)
    if oversample is None:
        return
    _within("oversample", oversample, 1, MAX_OVERSAMPLE, whole=False)
    if on is None:
        raise IndexSpecError(
            "oversample is the number of candidates to rescore for each row wanted, and what an "
            'index on the stored vectors finds needs none: leave it out, or say on="bit", for one.'
        )


@dataclass(frozen=True, slots=True)
class HNSW:
    """A graph index: the best recall for its speed, slower to build than IVFFlat.

    Args:
        m: links per node, 2 to 100.
        ef_construction: candidates while building, 4 to 1000, at least 2 * m.
        ef_search: candidates while searching, 1 to 1000; None leaves it to the server (40),
            and a search for more rows raises it.
        on: what is indexed instead of the stored vectors: `halfvec`, `bit`, `bit2`, `bit3`,
            `subvector:N` or `pca:N`; what the index finds is rescored by what is stored.
        oversample: candidates to rescore for each row wanted, 1 to 1000; None: what suits `on`.

    Raises:
        IndexSpecError: a value is out of its range, or the values contradict each other.
    """

    m: int = 16
    ef_construction: int = 64
    ef_search: int | None = None
    on: str | None = None
    oversample: float | None = None

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
        _check_derived(self.on, self.oversample)

    def options(self) -> dict[str, int]:
        """Return the WITH options of the index."""
        return {"m": self.m, "ef_construction": self.ef_construction}

    def resolved(self, rows: int) -> HNSW:
        """Return the spec for so many rows: nothing depends on them here."""
        return self


@dataclass(frozen=True, slots=True)
class IVFFlat:
    """An index of lists around k-means centres: quick to build, needs rows to learn from.

    Args:
        lists: 1 to 32768; None: rows / 1000, or the root of the rows above a million.
        probes: lists read by a search; None: the root of `lists`.
        on: what is indexed instead of the stored vectors, as in HNSW.
        oversample: candidates to rescore for each row wanted, 1 to 1000; None: what suits `on`.

    Raises:
        IndexSpecError: a value is out of its range, or the values contradict each other.
    """

    lists: int | None = None
    probes: int | None = None
    on: str | None = None
    oversample: float | None = None

    method: ClassVar[str] = "ivfflat"

    def __post_init__(self) -> None:
        _check_lists(self.lists, self.probes)
        _check_derived(self.on, self.oversample)

    def lists_for(self, rows: int) -> int:
        """Return the number of lists for so many rows, as pgvector's README advises."""
        if self.lists is not None:
            return self.lists
        chosen = rows / 1000 if rows <= 1_000_000 else math.sqrt(rows)
        return min(max(int(chosen), 1), 32_768)

    def options(self) -> dict[str, int]:
        """Return the WITH options of the index, once it is resolved."""
        return {"lists": self.lists_for(0)}

    def resolved(self, rows: int) -> IVFFlat:
        """Return the spec for so many rows; one probe, pgvector's default, is too few."""
        lists = self.lists_for(rows)
        probes = self.probes or math.ceil(math.sqrt(lists))
        return replace(self, lists=lists, probes=min(probes, lists))


@dataclass(frozen=True, slots=True)
class IVFPQ:
    """Lists of product-quantized codes in plain tables: the smallest index, slower to search.

    A vector becomes one byte for each of `subvectors` parts (Jégou et al., "Product quantization
    for nearest neighbor search", 2011); a search sums table entries over the codes of the nearest
    lists, and rescores the best by what is stored.

    Args:
        lists: coarse lists, 1 to 32768; None: the root of the rows.
        subvectors: bytes a code, 1 to 1000; None: an eighth of the dimensions.
        probes: lists read by a search; None: an eighth of `lists`.
        oversample: candidates to rescore for each row wanted, 1 to 1000.

    Raises:
        IndexSpecError: a value is out of its range.
    """

    lists: int | None = None
    subvectors: int | None = None
    probes: int | None = None
    oversample: float = 10.0

    method: ClassVar[str] = "ivfpq"
    on: ClassVar[str | None] = None

    def __post_init__(self) -> None:
        _check_lists(self.lists, self.probes)
        if self.subvectors is not None:
            _within("subvectors", self.subvectors, 1, 1_000)
        _within("oversample", self.oversample, 1, MAX_OVERSAMPLE, whole=False)

    def resolved(self, rows: int) -> IVFPQ:
        """Return the spec for so many rows, with nothing left open."""
        lists = self.lists or min(max(round(math.sqrt(rows)), 1), 32_768)
        return replace(self, lists=lists, probes=self.probes or max(1, math.ceil(lists / 8)))


def _check_lists(lists: int | None, probes: int | None) -> None:
    if lists is not None:
        _within("lists", lists, 1, 32_768)
    if probes is not None:
        _within("probes", probes, 1, 32_768)
        if lists is not None and probes > lists:
            raise IndexSpecError(f"probes ({probes}) exceeds lists ({lists}).")


IndexSpec: TypeAlias = HNSW | IVFFlat | IVFPQ
"""An index to build; None in its place is exact search."""

IndexChoice: TypeAlias = IndexSpec | Literal["hnsw", "ivfflat", "ivfpq", "exact"] | None
"""What a caller may say: a spec, the name of one for its defaults, "exact" or None."""

_SPECS: dict[str, type[IndexSpec]] = {"hnsw": HNSW, "ivfflat": IVFFlat, "ivfpq": IVFPQ}


def parse(index: IndexChoice) -> IndexSpec | None:
    """Read `index=`; None is exact search.

    Raises:
        ConfigurationError: neither a spec, nor the name of one, nor exact search.
    """
    match index:
        case None | HNSW() | IVFFlat() | IVFPQ():
            return index
        case "exact":
            return None
        case str() if index in _SPECS:
            return _SPECS[index]()
    raise ConfigurationError(
        f"index is {index!r}; give embeddb.HNSW(…), embeddb.IVFFlat(…), embeddb.IVFPQ(…), or None "
        "for exact search." + did_you_mean(index, [*_SPECS, "exact"])
    )


def derived_of(index: IndexSpec | None) -> Derived | None:
    """Return what an index is on, where that is not the stored column."""
    return None if index is None or index.on is None else Derived.parse(index.on)


def oversample_of(index: IndexSpec | None) -> float:
    """Return how many candidates are rescored for each row asked for; 1: nothing is rescored."""
    if isinstance(index, IVFPQ):
        return index.oversample
    derived = derived_of(index)
    if index is None or derived is None:
        return 1.0
    return index.oversample or derived.oversample


def widening(index: HNSW) -> int:
    """Return how many rows the graph looks at for each one that a scan returns, by default."""
    derived = derived_of(index)
    on_codes = derived is not None and derived.kind == "bit"
    return CODES_WIDER if on_codes and index.ef_search is None else 1


def to_json(index: IndexSpec | None) -> dict[str, Any] | None:
    """Return a spec as the catalog keeps it."""
    return None if index is None else {"method": index.method, **asdict(index)}


def from_json(value: dict[str, Any] | None) -> IndexSpec | None:
    """Return the spec that the catalog keeps."""
    if value is None:
        return None
    fields = {key: item for key, item in value.items() if key != "method"}
    return _SPECS[value["method"]](**fields)
