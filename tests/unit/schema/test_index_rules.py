"""What an index becomes in a collection: what it holds, what is chosen, what is refused."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest

from embeddb.errors import IndexSpecError
from embeddb.records import ModelInfo
from embeddb.schema.catalog import Generation
from embeddb.schema.derived import Derived
from embeddb.schema.distances import Distance
from embeddb.schema.index_rules import MAX_INDEX_DIM, indexed, resolve_index
from embeddb.schema.indexes import HNSW, IndexSpec, IVFFlat, derived_of
from embeddb.schema.storage import Storage
from tests.support.generations import generation, transform

DIM = 64
LEADING = transform(DIM, "rotation:pca", leading=True, isometric=True)
ON = (None, "halfvec", "bit", "bit2", "bit3", "subvector:16", "pca:16")
OPS = {
    Distance.COSINE: "cosine_ops",
    Distance.L2: "l2_ops",
    Distance.INNER_PRODUCT: "ip_ops",
    Distance.L1: "l1_ops",
    Distance.HAMMING: "hamming_ops",
    Distance.JACCARD: "jaccard_ops",
}
PAIRS = [
    (storage, distance)
    for storage, distance in itertools.product(Storage, Distance)
    if (storage is Storage.BIT) == distance.of_bits
]
NUMBERS = [pair for pair in PAIRS if pair[0] is not Storage.BIT]
METHODS: list[type[HNSW] | type[IVFFlat]] = [HNSW, IVFFlat]


def _held(index: IndexSpec, of: Generation) -> tuple[str, int, str]:
    held = indexed(of, derived_of(index))
    return held.type, held.dim, held.opclass


def _number_type(storage: Storage, on: str | None) -> str:
    return "vector" if storage is Storage.VECTOR and on != "halfvec" else "halfvec"


def _expected(storage: Storage, distance: Distance, on: str | None) -> tuple[str, int, str]:
    """Return what is in an index on vectors of 64 dimensions, worked out by hand."""
    if storage is Storage.BIT:
        return "bit", DIM, "bit_" + OPS[distance]
    match on:
        case "bit" | "bit2" | "bit3":
            return "bit", DIM * int(on[3:] or 1), "bit_hamming_ops"
        case "subvector:16" | "pca:16":
            kind, dim = _number_type(storage, on), 16
        case _:
            kind, dim = _number_type(storage, on), DIM
    return kind, dim, kind + "_" + OPS[distance]


@pytest.mark.parametrize("on", ON)
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(("storage", "distance"), PAIRS)
def test_an_index_holds_what_the_table_says(
    storage: Storage, distance: Distance, method: type[HNSW] | type[IVFFlat], on: str | None
) -> None:
    leading = LEADING if on == "pca:16" else None
    of = generation(storage, distance, DIM, normalize=True, transform=leading)
    expected = _expected(storage, distance, on)
    if storage is Storage.BIT and on is not None:
        with pytest.raises(IndexSpecError, match="bits already"):
            resolve_index(method(on=on), of)
        return
    if method is IVFFlat and expected[2].endswith(("l1_ops", "jaccard_ops")):
        with pytest.raises(IndexSpecError, match=r"no (l1|jaccard) operator class; use HNSW"):
            resolve_index(method(on=on), of)
        return
    index, note = resolve_index(method(on=on), of)
    assert note is None
    assert _held(index, of) == expected
    # a halfvec that is stored needs no halfvec made of it
    is_one = on == "halfvec" and storage is not Storage.VECTOR
    assert index == (method() if is_one else method(on=on))


@pytest.mark.parametrize("distance", [Distance.L1, Distance.JACCARD])
def test_what_ivfflat_cannot_compare_is_refused_with_a_remedy(distance: Distance) -> None:
    storage = Storage.BIT if distance.of_bits else Storage.VECTOR
    with pytest.raises(IndexSpecError, match=rf"no {distance.label} operator class; use HNSW"):
        resolve_index(IVFFlat(), generation(storage, distance, DIM))


# vectors beyond pgvector's limits: what is chosen in place of a plain index

PLAIN = None
DIMS = (1, 2000, 2001, 4000, 4001, 4096, 16_000)
CHOSEN: dict[tuple[Storage, Distance], tuple[str | None, ...]] = {
    (Storage.VECTOR, Distance.COSINE): (PLAIN, PLAIN, "halfvec", "halfvec", "bit", "bit", "bit"),
    (Storage.VECTOR, Distance.L2): (PLAIN, PLAIN, "halfvec", "halfvec", "bit2", "bit2", "bit2"),
    (Storage.VECTOR, Distance.L1): (PLAIN, PLAIN, "halfvec", "halfvec", "bit2", "bit2", "bit2"),
    (Storage.VECTOR, Distance.INNER_PRODUCT): (
        *(PLAIN, PLAIN, "halfvec", "halfvec"),
        *("subvector:4000", "subvector:4000", "subvector:4000"),
    ),
    (Storage.HALFVEC, Distance.COSINE): (*(PLAIN,) * 4, "bit", "bit", "bit"),
    (Storage.HALFVEC, Distance.L2): (*(PLAIN,) * 4, "bit2", "bit2", "bit2"),
    (Storage.HALFVEC, Distance.L1): (*(PLAIN,) * 4, "bit2", "bit2", "bit2"),
    (Storage.HALFVEC, Distance.INNER_PRODUCT): (*(PLAIN,) * 4, *("subvector:4000",) * 3),
    (Storage.INT8, Distance.COSINE): (*(PLAIN,) * 4, "bit", "bit", "bit"),
    (Storage.INT8, Distance.L2): (*(PLAIN,) * 4, "bit2", "bit2", "bit2"),
    (Storage.INT8, Distance.L1): (*(PLAIN,) * 4, "bit2", "bit2", "bit2"),
    (Storage.INT8, Distance.INNER_PRODUCT): (*(PLAIN,) * 4, *("subvector:4000",) * 3),
    (Storage.BIT, Distance.HAMMING): (PLAIN,) * 7,
    (Storage.BIT, Distance.JACCARD): (PLAIN,) * 7,
}


@pytest.mark.parametrize(("storage", "distance"), PAIRS)
def test_any_number_of_dimensions_has_an_index(storage: Storage, distance: Distance) -> None:
    for dim, on in zip(DIMS, CHOSEN[storage, distance], strict=True):
        of = generation(storage, distance, dim)
        index, note = resolve_index(HNSW(m=8, ef_search=50), of)
        assert index == HNSW(m=8, ef_search=50, on=on), dim
        kind, held, _ = _held(index, of)
        assert held <= MAX_INDEX_DIM[kind]
        if on is None:
            assert note is None
        else:
            assert note is not None
            assert f"{dim:,}" in note
            assert f"on={on!r}" in note


@pytest.mark.parametrize(("storage", "distance"), PAIRS)
def test_what_was_chosen_for_many_dimensions_is_taken_as_it_is(
    storage: Storage, distance: Distance
) -> None:
    for dim in DIMS:
        of = generation(storage, distance, dim)
        index, _ = resolve_index(HNSW(), of)
        assert resolve_index(index, of) == (index, None)


@pytest.mark.parametrize(("storage", "distance"), NUMBERS)
def test_of_many_principal_components_the_first_are_indexed(
    storage: Storage, distance: Distance
) -> None:
    for dim in (4_001, 16_000):
        of = generation(storage, distance, dim, transform=replace(LEADING, dim=dim))
        index, note = resolve_index(HNSW(), of)
        assert derived_of(index) == Derived(kind="pca", dim=2_000)
        assert note is not None
        assert resolve_index(index, of) == (index, None)


@pytest.mark.parametrize("dim", [2001, 4000])
def test_ivfflat_is_refused_where_only_halves_fit_and_it_cannot_compare_them(dim: int) -> None:
    with pytest.raises(IndexSpecError, match="no l1 operator class"):
        resolve_index(IVFFlat(), generation(Storage.VECTOR, Distance.L1, dim))
    index, _ = resolve_index(IVFFlat(), generation(Storage.VECTOR, Distance.L2, dim))
    assert index == IVFFlat(on="halfvec")


def test_the_limit_is_that_of_what_is_stored_not_of_the_model() -> None:
    of = generation(dim=16_000, transform=transform(512, "matryoshka:512"))
    assert resolve_index(HNSW(), of) == (HNSW(), None)
    assert _held(HNSW(), of) == ("vector", 512, "vector_cosine_ops")
    assert _held(HNSW(on="bit3"), of) == ("bit", 1536, "bit_hamming_ops")


@pytest.mark.parametrize("storage", [Storage.HALFVEC, Storage.INT8])
def test_a_halfvec_of_a_halfvec_has_a_halfvec_s_limit(storage: Storage) -> None:
    index, note = resolve_index(HNSW(on="halfvec"), generation(storage, dim=4_001))
    assert index == HNSW(on="bit")
    assert note is not None


@pytest.mark.parametrize(
    ("storage", "dim", "on", "kind"),
    [
        (Storage.VECTOR, 4001, "halfvec", "halfvec"),
        (Storage.VECTOR, 16_000, "subvector:4001", "halfvec"),
        (Storage.INT8, 16_000, "subvector:15999", "halfvec"),
    ],
)
def test_what_is_still_too_large_is_refused_with_a_remedy(
    storage: Storage, dim: int, on: str, kind: str
) -> None:
    with pytest.raises(IndexSpecError, match=f"{MAX_INDEX_DIM[kind]:,} dimensions of a {kind}"):
        resolve_index(HNSW(on=on), generation(storage, Distance.COSINE, dim))


def test_leading_dimensions_beyond_a_vector_s_limit_are_held_as_halves() -> None:
    of = generation(Storage.VECTOR, Distance.L2, 8_000)
    assert _held(HNSW(on="subvector:2000"), of) == ("vector", 2000, "vector_l2_ops")
    assert _held(HNSW(on="subvector:2001"), of) == ("halfvec", 2001, "halfvec_l2_ops")


# bits, which tell directions only

NORMALIZED = ModelInfo(name="m", fingerprint="f", dim=DIM, normalized=True)
MIXED = transform(DIM, "autoencoder:64")
TURNED = transform(DIM, isometric=True)
UNIT = transform(DIM, "normalize", unit=True)


@pytest.mark.parametrize(
    ("of", "unit"),
    [
        (generation(dim=DIM), False),
        (generation(dim=DIM, normalize=True), True),
        (generation(dim=DIM, model=NORMALIZED), True),
        (generation(dim=DIM, model=replace(NORMALIZED, normalized=False)), False),
        (generation(dim=DIM, normalize=True, transform=TURNED), True),
        (generation(dim=DIM, normalize=True, transform=MIXED), False),
        (generation(dim=DIM, transform=TURNED), False),
        (generation(dim=DIM, transform=UNIT), True),
    ],
)
@pytest.mark.parametrize("on", ["bit", "bit2", "bit3"])
@pytest.mark.parametrize("storage", [Storage.VECTOR, Storage.HALFVEC, Storage.INT8])
def test_an_inner_product_is_searched_by_bits_only_where_all_lengths_are_one(
    storage: Storage, on: str, of: Generation, unit: bool
) -> None:
    of = replace(of, storage=storage, distance=Distance.INNER_PRODUCT)
    assert of.unit_length == unit
    if unit:
        assert resolve_index(HNSW(on=on), of) == (HNSW(on=on), None)
    else:
        with pytest.raises(IndexSpecError, match=r"depends on lengths.*normalize=True"):
            resolve_index(HNSW(on=on), of)
    for distance in (Distance.COSINE, Distance.L2, Distance.L1):
        assert resolve_index(HNSW(on=on), replace(of, distance=distance))[0] == HNSW(on=on)


def test_inner_products_of_unit_vectors_of_many_dimensions_are_searched_by_bits() -> None:
    of = generation(Storage.HALFVEC, Distance.INNER_PRODUCT, 5_000, normalize=True)
    assert resolve_index(HNSW(), of)[0] == HNSW(on="bit")


@pytest.mark.parametrize("on", ["bit", "bit2", "bit3"])
def test_bits_of_principal_components_are_refused_since_they_count_alike(on: str) -> None:
    for storage, distance in NUMBERS:
        of = generation(storage, distance, DIM, normalize=True, transform=LEADING)
        with pytest.raises(IndexSpecError, match=r"'rotation:pca', 'rotation:itq'.*on='pca:N'"):
            resolve_index(HNSW(on=on), of)


# leading dimensions


@pytest.mark.parametrize("kind", ["subvector", "pca"])
@pytest.mark.parametrize(("storage", "distance"), NUMBERS)
def test_fewer_dimensions_than_all_are_kept(
    storage: Storage, distance: Distance, kind: str
) -> None:
    of = generation(storage, distance, DIM, transform=LEADING)
    assert resolve_index(HNSW(on=f"{kind}:{DIM - 1}"), of)[0] == HNSW(on=f"{kind}:{DIM - 1}")
    for kept in (DIM, DIM + 1):
        with pytest.raises(IndexSpecError, match=f"keeps {kept} of {DIM} dimensions"):
            resolve_index(HNSW(on=f"{kind}:{kept}"), of)


@pytest.mark.parametrize(
    ("has", "taken"),
    [
        (None, False),
        (transform(DIM, isometric=True), False),
        (transform(DIM, "rotation:itq", isometric=True), False),
        (LEADING, True),
        (transform(DIM, "pca:64", leading=True), True),
    ],
)
def test_principal_components_must_come_first_in_what_is_stored(has: object, taken: bool) -> None:
    of = generation(dim=DIM, transform=has)
    if taken:
        assert resolve_index(HNSW(on="pca:8"), of) == (HNSW(on="pca:8"), None)
        return
    with pytest.raises(IndexSpecError, match='transform="rotation:pca"'):
        resolve_index(HNSW(on="pca:8"), of)


def test_the_type_of_each_derived_form_is_one_that_pgvector_indexes() -> None:
    for (storage, distance), on in itertools.product(NUMBERS, ON[1:]):
        assert on is not None
        held = indexed(generation(storage, distance, DIM), Derived.parse(on))
        assert held.type in MAX_INDEX_DIM
