"""The forms that are tried, and the settings that each is searched with."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from embeddb.errors import ConfigurationError
from embeddb.evaluation.settings import ef_search
from embeddb.pipeline.conversion.convert import Form, check_form
from embeddb.schema.catalog import CollectionRecord
from embeddb.schema.distances import Distance
from embeddb.schema.indexes import (
    DEFAULT_EF_SEARCH,
    HNSW,
    IVFPQ,
    MAX_EF_SEARCH,
    MAX_OVERSAMPLE,
    IndexSpec,
    IVFFlat,
    derived_of,
    oversample_of,
)
from embeddb.schema.storage import Storage
from embeddb.transforms import TransformSpec

CandidateLike: TypeAlias = "Candidate | Mapping[str, Any]"
"""A candidate, or the keywords that `Collection.convert` takes."""

EF_SEARCHES = (40, 80, 160, 320, 640)
OVERSAMPLES = (0.25, 0.5, 1.0, 2.0, 4.0)
PROBES = (1, 2, 4, 8)
IVFPQ_STEPS = ((1, 1), (2, 1), (2, 2), (4, 2), (4, 4))
"""Probes and oversample of an IVF-PQ index, as multiples of its own."""

WIDEST_FIRST = (Storage.VECTOR, Storage.HALFVEC, Storage.INT8)
DIM_STEP = 8


LEAN_GRAPH = HNSW(on="bit3", m=11, ef_construction=128)
"""A quarter of the bytes of float32 under HNSW, at the same recall in less than twice the time (see
docs/benchmarks.md). Codes tell less apart than vectors do, so the graph is built with more care,
and needs fewer neighbours."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Candidate:
    """A form that the vectors could take.

    Attributes:
        storage: vector, halfvec or int8.
        transform: applied to what is stored now, after the transform that it has; empty for none.
        index: None for exact search.
    """

    storage: str
    transform: tuple[str, ...] = ()
    index: IndexSpec | None = None

    @classmethod
    def of(cls, value: CandidateLike, record: CollectionRecord) -> Candidate:
        """Return a candidate; what it leaves open is as in the collection.

        Raises:
            ConfigurationError: it has another key, an unknown storage or an unknown transform.
        """
        if isinstance(value, Candidate):
            return value
        given = dict(value)
        storage = given.pop("storage", None) or record.generation.storage.label
        spec = TransformSpec.parse(given.pop("transform", None))
        index = given.pop("index", None)
        if given:
            raise ConfigurationError(
                f"A candidate has no {', '.join(map(repr, given))}: pass storage, transform and "
                "index, as to Collection.convert()."
            )
        if index is None:
            index = record.generation.index
        return cls(
            storage=Storage.named(storage).label,
            transform=spec.words if spec else (),
            index=None if index == "exact" else index,
        )

    @property
    def label(self) -> str:
        """What people call it: `int8 · rotation:random · HNSW on bit2`."""
        return " · ".join((self.storage, *self.transform, index_label(self.index)))

    def form(self, distance: Distance) -> Form:
        """Return the form for a conversion."""
        return Form(
            storage=Storage.named(self.storage),
            distance=distance,
            transform=self.transform,
            index=self.index,
        )


def index_label(index: IndexSpec | None) -> str:
    """Return what people call an index: its kind, and what tells it from others of the kind."""
    names = {"hnsw": "HNSW", "ivfflat": "IVFFlat", "ivfpq": "IVF-PQ"}
    if index is None:
        return "exact"
    numbers = []
    if isinstance(index, HNSW) and (index.m, index.ef_construction) != (16, 64):
        numbers = [f"m={index.m}", f"ef_construction={index.ef_construction}"]
    if isinstance(index, IVFPQ) and index.subvectors is not None:
        numbers = [f"subvectors={index.subvectors}"]
    on = "" if index.on is None else f" on {index.on}"
    return names[index.method] + (f"({', '.join(numbers)})" if numbers else "") + on


def current_form(record: CollectionRecord) -> Candidate:
    """Return the collection's own form; its lists are left to the number of rows."""
    index = record.generation.index
    if isinstance(index, IVFFlat | IVFPQ):
        index = replace(index, lists=None, probes=None)
    return Candidate(storage=record.generation.storage.label, index=index)


def base_form(record: CollectionRecord) -> Candidate:
    """Return the form that others are compared with: what is stored now, searched exactly."""
    return Candidate(storage=record.generation.storage.label)


def default_candidates(record: CollectionRecord) -> list[Candidate]:
    """Return the forms worth trying that the collection can take; none is wider than its own."""
    generation = record.generation
    narrower = WIDEST_FIRST[WIDEST_FIRST.index(generation.storage) :]
    spec = None if generation.transform is None else generation.transform
    leading = spec is not None and spec.leading
    turned = spec is not None and not leading and any("rotation" in word for word in spec.words)
    mixed = () if turned else ("rotation:random",)
    axes = () if leading else ("rotation:pca",)
    third = _rounded(generation.stored_dim / 3)
    tried = [
        *(Candidate(storage=storage.label, index=HNSW()) for storage in narrower),
        Candidate(storage="int8", index=HNSW(on="bit")),
        Candidate(storage="int8", transform=mixed, index=HNSW(on="bit2")),
        Candidate(storage="int8", transform=mixed, index=LEAN_GRAPH),
        Candidate(storage="int8", transform=(f"pca:{2 * third}",), index=HNSW()),
        Candidate(storage="int8", index=IVFPQ()),
    ]
    if Storage.HALFVEC in narrower:
        tried.append(Candidate(storage="halfvec", transform=axes, index=HNSW(on=f"pca:{third}")))
    return list(_allowed(tried, record))


def with_current(candidates: Iterable[Candidate], record: CollectionRecord) -> list[Candidate]:
    """Return the candidates with the collection's own form in front, each form once."""
    current = current_form(record)
    found = {_as_built(current): current}
    for candidate in candidates:
        found.setdefault(_as_built(candidate), candidate)
    return list(found.values())


def ladder(index: IndexSpec | None, limit: int) -> Sequence[IndexSpec | None]:
    """Return an index with settings that find more, and take longer, from one to the next."""
    match index:
        case HNSW() if derived_of(index) is None:
            least = ef_search(index, limit) if index.ef_search else max(limit, DEFAULT_EF_SEARCH)
            wanted = {least, *(ef for ef in EF_SEARCHES if ef > limit)}
            return [replace(index, ef_search=ef) for ef in sorted(wanted) if ef <= MAX_EF_SEARCH]
        case HNSW():
            return [replace(index, oversample=o) for o in _oversamples(index, limit)]
        case IVFFlat():
            return [replace(index, probes=probes) for probes in _probes(index)]
        case IVFPQ():
            return [
                replace(
                    index,
                    probes=min((index.probes or 1) * p, index.lists or 1),
                    oversample=min(index.oversample * o, MAX_OVERSAMPLE),
                )
                for p, o in IVFPQ_STEPS
            ]
        case _:
            return [None]


def scaled(asked: IndexSpec | None, searched: IndexSpec | None, rows: int) -> IndexSpec | None:
    """Return the index to build for so many rows, with the settings of one of fewer rows.

    Args:
        asked: the candidate's index.
        searched: the same, as it was built and searched.
        rows: the chunks that it is for; probes stay the same share of the lists.
    """
    if isinstance(asked, HNSW) and isinstance(searched, HNSW):
        if searched.oversample is not None:
            usual = searched.oversample == oversample_of(replace(searched, oversample=None))
            return replace(asked, oversample=None if usual else searched.oversample)
        usual = searched.ef_search == DEFAULT_EF_SEARCH
        return replace(asked, ef_search=None if usual else searched.ef_search)
    if isinstance(asked, IVFFlat) and isinstance(searched, IVFFlat):
        lists = asked.lists_for(rows)
        return replace(asked, lists=lists, probes=_share(searched, lists))
    if isinstance(asked, IVFPQ) and isinstance(searched, IVFPQ):
        lists = asked.resolved(rows).lists or 1
        probes = _share(searched, lists)
        return replace(asked, lists=lists, probes=probes, oversample=searched.oversample)
    return asked


def _allowed(candidates: Iterable[Candidate], record: CollectionRecord) -> Iterable[Candidate]:
    """Yield the candidates that the collection can take, with the index that pgvector builds."""
    for candidate in candidates:
        with suppress(ConfigurationError):
            index = check_form(record, candidate.form(record.generation.distance))
            yield replace(candidate, index=index)


def _as_built(candidate: Candidate) -> Candidate:
    """Return the candidate without what belongs to its searches rather than to its index."""
    index = candidate.index
    if isinstance(index, HNSW):
        index = replace(index, ef_search=None, oversample=None)
    if isinstance(index, IVFFlat):
        index = replace(index, lists=None, probes=None, oversample=None)
    if isinstance(index, IVFPQ):
        index = IVFPQ(subvectors=index.subvectors)
    return replace(candidate, index=index)


def _oversamples(index: HNSW, limit: int) -> list[float]:
    own = oversample_of(index)
    most = max(MAX_EF_SEARCH / limit, 1.0)
    return sorted({min(max(own * factor, 1.0), most) for factor in OVERSAMPLES})


def _probes(index: IVFFlat) -> list[int]:
    return sorted({min((index.probes or 1) * factor, index.lists or 1) for factor in PROBES})


def _share(searched: IVFFlat | IVFPQ, lists: int) -> int:
    return max(1, math.ceil((searched.probes or 1) / (searched.lists or 1) * lists))


def _rounded(dim: float) -> int:
    return max(round(dim / DIM_STEP) * DIM_STEP, 1)
