"""What an index spec meets in a collection: refused with a reason, or fitted to pgvector's limits.

Limits: HNSW and IVFFlat take 2,000 dimensions of a vector, 4,000 of a halfvec, 64,000 bits
(https://github.com/pgvector/pgvector#hnsw).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from embeddb.errors import IndexSpecError
from embeddb.schema.attached import SourceTable
from embeddb.schema.catalog import Generation
from embeddb.schema.derived import Derived
from embeddb.schema.distances import Distance
from embeddb.schema.indexes import HNSW, IVFPQ, IndexSpec, IVFFlat, derived_of
from embeddb.schema.storage import Storage

MAX_INDEX_DIM = {"vector": 2_000, "halfvec": 4_000, "bit": 64_000}


@dataclass(frozen=True, kw_only=True, slots=True)
class Indexed:
    """What an index holds: a type of pgvector's, its dimensions, and the distance in it."""

    type: str
    dim: int
    distance: Distance

    @property
    def opclass(self) -> str:
        """The operator class, without its schema."""
        return self.type + "_" + self.distance.opclass_suffix


def indexed(generation: Generation, derived: Derived | None) -> Indexed:
    """Return what an index on `derived`, or on the stored column, holds."""
    type, dim, distance = (
        generation.storage.compared_as,
        generation.stored_dim,
        generation.distance,
    )
    if derived is None:
        return Indexed(type=type, dim=dim, distance=distance)
    if derived.kind == "bit":
        return Indexed(type="bit", dim=dim * derived.levels, distance=Distance.HAMMING)
    kept = derived.dim or dim
    if derived.kind == "halfvec" or kept > MAX_INDEX_DIM["vector"]:
        type = "halfvec"
    return Indexed(type=type, dim=kept, distance=distance)


def check_hidden(source: SourceTable | None, index: IndexSpec | None) -> None:
    """Check that an index tells nothing of rows that their own table hides.

    Raises:
        IndexSpecError: IVF-PQ keeps ids and codes in a table of its own.
    """
    if source is not None and source.row_security and isinstance(index, IVFPQ):
        raise IndexSpecError(
            f"{source.table_text} has row-level security, and an IVF-PQ index keeps its codes in a "
            "table that this does not hide: use HNSW(…) or IVFFlat(…)."
        )


def resolve_index(index: IndexSpec, generation: Generation) -> tuple[IndexSpec, str | None]:
    """Return a spec fitted to what it is to index.

    Returns:
        The spec to build, and what to tell the user where it is not the one asked for.

    Raises:
        IndexSpecError: pgvector has no such index, or it would find the wrong rows.
    """
    if isinstance(index, IVFPQ):
        _check_ivfpq(index, generation)
        return index, None
    derived = derived_of(index)
    if derived is not None:
        _check_derived(derived, generation)
        if derived.kind == "halfvec" and generation.storage is not Storage.VECTOR:
            index, derived = replace(index, on=None, oversample=None), None  # it is one already
    if derived is None:
        index, note = _within_limits(index, generation)
        if note:
            return index, note
    _check_method(index, indexed(generation, derived_of(index)))
    return index, None


def _check_method(index: HNSW | IVFFlat, held: Indexed) -> None:
    if isinstance(index, IVFFlat) and held.distance in (Distance.L1, Distance.JACCARD):
        raise IndexSpecError(
            f"IVFFlat has no {held.distance.label} operator class; use HNSW or index=None."
        )
    if held.dim > MAX_INDEX_DIM[held.type]:
        raise IndexSpecError(
            f"pgvector indexes at most {MAX_INDEX_DIM[held.type]:,} dimensions of a {held.type}, "
            f"not {held.dim:,}: use on='bit', a smaller N, or a transform that reduces them."
        )


def _check_derived(derived: Derived, generation: Generation) -> None:
    if generation.storage is Storage.BIT:
        raise IndexSpecError(
            "What is stored are bits already, and nothing smaller is made of them: leave on= out."
        )
    if derived.kind == "bit":
        _check_bits(generation)
    if derived.dim is None:
        return
    if derived.dim >= generation.stored_dim:
        raise IndexSpecError(
            f"on='{derived.kind}:{derived.dim}' keeps {derived.dim} of {generation.stored_dim} "
            "dimensions, which is all of them: choose fewer, or leave on= out."
        )
    if derived.kind == "pca" and not (generation.transform and generation.transform.leading):
        raise IndexSpecError(
            f"on='pca:{derived.dim}' needs vectors that are stored along their principal "
            "components, so that the first dimensions say most: create the collection with "
            'transform="rotation:pca" (distances stay as they are), or convert it: '
            'collection.convert(transform="rotation:pca").'
        )


def _check_bits(generation: Generation) -> None:
    if generation.transform is not None and generation.transform.leading:
        raise IndexSpecError(
            "The vectors lie along their principal components, which matter less and less, and "
            "bits count them all alike: add a rotation that mixes them, "
            f"transform={[*generation.transform.words, 'rotation:itq']!r}, or use on='pca:N'."
        )
    if generation.distance is Distance.INNER_PRODUCT and not generation.unit_length:
        raise IndexSpecError(
            "Bits tell directions, not lengths, and an inner product depends on lengths: use "
            "normalize=True or distance='cosine', or another index."
        )


def _check_ivfpq(index: IVFPQ, generation: Generation) -> None:
    if generation.layout is not None:
        raise IndexSpecError(
            "IVFPQ keeps its lists and codes in tables of its own, for all chunks together, and "
            "these know nothing of a layout: use HNSW or IVFFlat, or leave the layout out."
        )
    if generation.distance not in (Distance.COSINE, Distance.L2, Distance.INNER_PRODUCT):
        raise IndexSpecError(
            f"IVFPQ sums inner products of parts, which tells nothing about "
            f"{generation.distance.label}: use HNSW, or index=None."
        )
    if index.subvectors is not None and index.subvectors > generation.stored_dim:
        raise IndexSpecError(
            f"IVFPQ cannot cut {generation.stored_dim} dimensions into {index.subvectors} parts: "
            "use fewer subvectors."
        )


def _within_limits(
    index: HNSW | IVFFlat, generation: Generation
) -> tuple[HNSW | IVFFlat, str | None]:
    """Return what a plain index on too many dimensions is built on instead."""
    held = indexed(generation, None)
    if held.dim <= MAX_INDEX_DIM[held.type]:
        return index, None
    if generation.storage is Storage.VECTOR and held.dim <= MAX_INDEX_DIM["halfvec"]:
        on = "halfvec"
    elif generation.transform is not None and generation.transform.leading:
        on = "pca:2000"  # bits would count all components alike
    elif generation.distance is Distance.COSINE or (
        generation.distance is Distance.INNER_PRODUCT and generation.unit_length
    ):
        on = "bit"
    elif generation.distance in (Distance.L2, Distance.L1) and held.dim * 2 <= 64_000:
        on = "bit2"  # thresholds keep what signs lose: how large a number is
    else:
        on = "subvector:4000"
    resolved = replace(index, on=on)
    _check_method(resolved, indexed(generation, Derived.parse(on)))
    return resolved, (
        f"pgvector indexes at most {MAX_INDEX_DIM[held.type]:,} dimensions of a {held.type}, and "
        f"these have {held.dim:,}: the index is built on={on!r}, and what it finds is rescored by "
        "what is stored."
    )
