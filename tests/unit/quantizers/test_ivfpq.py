"""IVF-PQ: what the codes mean, and how near their distances come."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from embeddb.errors import DimensionMismatchError, IndexSpecError, InvalidVectorError
from embeddb.quantizers import IVFPQCodebook, train
from embeddb.quantizers import rows as rows_module
from embeddb.quantizers.ivfpq import CODES, split_widths
from embeddb.quantizers.rotation import allocate
from embeddb.quantizers.rows import unit
from embeddb.records import Vector
from tests.support.vectors import clustered, distances

ROWS, DIM, LISTS, SUBVECTORS = 1_200, 30, 6, 7
DATA = clustered(ROWS, DIM)
QUERY = clustered(1, DIM, seed=0)[0] * 1.5
KINDS = ("cosine", "l2", "inner_product")


@pytest.fixture(scope="module", params=KINDS)
def codebook(request: pytest.FixtureRequest) -> IVFPQCodebook:
    return train(DATA, lists=LISTS, subvectors=SUBVECTORS, distance=request.param)


def summed(codebook: IVFPQCodebook, query: Vector, vectors: Vector) -> Vector:
    """Add up similarities as the SQL does: a centre's product and one number a sub-vector."""
    lists, codes, _ = codebook.assign(vectors)
    read, products = codebook.nearest_lists(query, codebook.lists)
    of_list = np.empty(codebook.lists, np.float32)
    of_list[read] = products
    places = np.arange(codebook.subvectors) * CODES + codes
    return np.asarray(of_list[lists] + codebook.table(query)[places].sum(axis=1))


def approximate(codebook: IVFPQCodebook, query: Vector, vectors: Vector) -> Vector:
    """Turn similarities into distances, as `assign` says."""
    similarity, corrections = summed(codebook, query, vectors), codebook.assign(vectors)[2]
    match codebook.distance:
        case "cosine":
            return np.asarray(1 - similarity * corrections)
        case "l2":
            return np.asarray(np.sqrt(np.maximum(query @ query - 2 * similarity + corrections, 0)))
        case _:
            return -similarity * corrections


def test_the_table_gives_the_inner_product_with_the_decoded_row(codebook: IVFPQCodebook) -> None:
    lists, codes, _ = codebook.assign(DATA)
    decoded = codebook.decode(lists, codes)
    query = unit(QUERY[np.newaxis])[0] if codebook.distance == "cosine" else QUERY
    np.testing.assert_allclose(summed(codebook, QUERY, DATA), decoded @ query, rtol=1e-4, atol=1e-4)


def test_the_correction_gives_the_distance_to_the_decoded_row(codebook: IVFPQCodebook) -> None:
    decoded = codebook.decode(*codebook.assign(DATA)[:2])
    if codebook.distance == "inner_product":
        decoded *= (np.linalg.norm(DATA, axis=1) / np.linalg.norm(decoded, axis=1))[:, np.newaxis]
    np.testing.assert_allclose(
        approximate(codebook, QUERY, DATA),
        distances(codebook.distance, QUERY, decoded),
        rtol=1e-3,
        atol=1e-4,
    )


def test_the_nearest_rows_are_among_the_nearest_codes(codebook: IVFPQCodebook) -> None:
    true = np.argsort(distances(codebook.distance, QUERY, DATA))[:10]
    found = np.argsort(approximate(codebook, QUERY, DATA))[:40]
    assert len(np.intersect1d(true, found)) >= 9


def test_l2_stays_near_where_all_rows_lie_far_from_zero() -> None:
    far = DATA + np.float32(50)
    codebook = train(far, lists=LISTS, subvectors=SUBVECTORS, distance="l2")
    true = np.argsort(distances("l2", far[0], far))[:10]
    found = np.argsort(approximate(codebook, far[0], far))[:40]
    assert len(np.intersect1d(true, found)) >= 9


def test_codes_are_one_byte_a_subvector(codebook: IVFPQCodebook) -> None:
    lists, codes, corrections = codebook.assign(DATA)
    assert (lists.dtype.name, lists.shape) == ("int32", (ROWS,))
    assert (codes.dtype.name, codes.shape) == ("uint8", (ROWS, SUBVECTORS))
    assert (corrections.dtype.name, corrections.shape) == ("float32", (ROWS,))
    assert codebook.table(QUERY).dtype == np.float32
    assert codebook.table(QUERY).shape == (SUBVECTORS * CODES,)


def test_rows_go_to_the_nearest_centre(codebook: IVFPQCodebook) -> None:
    rows, centres = DATA, codebook.centroids
    if codebook.distance == "cosine":
        rows, centres = unit(DATA), unit(centres)
    away = np.linalg.norm(rows[:, np.newaxis] - centres, axis=2)
    described = np.full(len(rows), True)
    if codebook.distance == "inner_product":
        described = away.min(axis=1) <= np.linalg.norm(rows, axis=1)
        assert described.mean() > 0.9
    np.testing.assert_array_equal(
        codebook.assign(DATA)[0][described], away.argmin(axis=1)[described]
    )


def test_a_search_for_a_row_looks_first_where_the_row_is(codebook: IVFPQCodebook) -> None:
    # directions that the training has not seen: no centre is near, and lengths must not decide
    new = np.random.default_rng(7).normal(size=(200, DATA.shape[1])).astype(np.float32)
    new -= (new @ codebook.centroids.mean(axis=0))[:, np.newaxis] * unit(
        codebook.centroids.mean(axis=0)[np.newaxis]
    )
    lists = codebook.assign(new)[0]
    first = [codebook.nearest_lists(row, 2)[0] for row in new]
    found = sum(home in read for home, read in zip(lists, first, strict=True))
    assert found >= 190


def test_lists_are_read_in_the_order_of_the_distance(codebook: IVFPQCodebook) -> None:
    lists, products = codebook.nearest_lists(QUERY, 3)
    expected = np.argsort(distances(codebook.distance, QUERY, codebook.centroids))[:3]
    np.testing.assert_array_equal(lists, expected)
    query = unit(QUERY[np.newaxis])[0] if codebook.distance == "cosine" else QUERY
    np.testing.assert_allclose(products, codebook.centroids[lists] @ query, rtol=1e-5)


def test_no_more_lists_are_read_than_there_are(codebook: IVFPQCodebook) -> None:
    lists, products = codebook.nearest_lists(QUERY, 99)
    assert sorted(lists.tolist()) == list(range(LISTS)) and len(products) == LISTS


def test_at_least_one_list_is_read(codebook: IVFPQCodebook) -> None:
    with pytest.raises(IndexSpecError, match="probes must be at least 1"):
        codebook.nearest_lists(QUERY, 0)


def test_blocks_do_not_change_the_codes(
    codebook: IVFPQCodebook, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = codebook.assign(DATA)
    monkeypatch.setattr(rows_module, "BLOCK_NUMBERS", 100 * CODES)
    for before, after in zip(whole, codebook.assign(DATA), strict=True):
        assert np.allclose(np.asarray(before), np.asarray(after), rtol=1e-5)


def test_a_single_row_s_code_is_its_code_among_many(codebook: IVFPQCodebook) -> None:
    np.testing.assert_array_equal(codebook.assign(DATA[5:6])[1][0], codebook.assign(DATA)[1][5])


def test_no_rows_give_no_codes(codebook: IVFPQCodebook) -> None:
    lists, codes, corrections = codebook.assign(DATA[:0])
    assert (lists.shape, codes.shape, corrections.shape) == ((0,), (0, SUBVECTORS), (0,))


def test_under_cosine_the_length_does_not_matter() -> None:
    codebook = train(DATA, lists=LISTS, subvectors=SUBVECTORS, distance="cosine")
    np.testing.assert_array_equal(codebook.assign(DATA)[1], codebook.assign(DATA * 4)[1])
    np.testing.assert_allclose(codebook.table(QUERY), codebook.table(QUERY * 4), rtol=1e-5)


def test_a_zero_row_under_cosine_is_similar_to_nothing() -> None:
    codebook = train(DATA, lists=LISTS, subvectors=SUBVECTORS, distance="cosine")
    assert approximate(codebook, QUERY, np.zeros((1, DIM), np.float32)) == [1]


def test_a_row_decoded_to_zero_is_similar_to_nothing() -> None:
    codebook = IVFPQCodebook(
        distance="inner_product",
        centroids=np.zeros((1, 2), np.float32),
        codewords=np.zeros((1, CODES, 2), np.float32),
    )
    query = np.ones(2, np.float32)
    assert approximate(codebook, query, np.ones((1, 2), np.float32)) == [0]


def test_the_rotation_keeps_lengths(codebook: IVFPQCodebook) -> None:
    assert codebook.rotation is not None
    np.testing.assert_allclose(codebook.rotation.T @ codebook.rotation, np.eye(DIM), atol=1e-5)


def test_the_rotation_lessens_the_error_of_correlated_rows() -> None:
    random = np.random.default_rng(3)
    mixed = random.standard_normal((ROWS, 6)) @ random.standard_normal((6, DIM))
    data = np.asarray(mixed + 0.1 * random.standard_normal((ROWS, DIM)), np.float32)
    errors = {}
    for rotate in (False, True):
        codebook = train(data, lists=1, subvectors=6, distance="l2", rotate=rotate)
        lists, codes, _ = codebook.assign(data)
        errors[rotate] = float(((data - codebook.decode(lists, codes)) ** 2).sum())
    assert errors[True] < 0.7 * errors[False]


def test_the_same_seed_gives_the_same_codebook() -> None:
    first, again, other = (
        train(DATA, lists=LISTS, subvectors=3, distance="l2", seed=seed) for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(first.centroids, again.centroids)
    np.testing.assert_array_equal(first.codewords, again.codewords)
    assert not np.array_equal(first.codewords, other.codewords)


def test_a_codebook_survives_its_arrays(codebook: IVFPQCodebook) -> None:
    for original in (codebook, replace(codebook, rotation=None)):
        arrays = original.to_arrays()
        same = IVFPQCodebook.from_arrays(arrays)
        assert same.distance == original.distance
        assert {name: array.tobytes() for name, array in same.to_arrays().items()} == {
            name: array.tobytes() for name, array in arrays.items()
        }


def test_progress_counts_to_the_end() -> None:
    told: list[tuple[int, int]] = []
    train(
        DATA,
        lists=2,
        subvectors=3,
        distance="l2",
        progress=lambda done, total: told.append((done, total)),
    )
    assert told == [(step, 5) for step in range(1, 6)]


def test_many_lists_are_learned_in_mini_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("embeddb.quantizers.training.FULL_KMEANS_LIMIT", 1)
    codebook = train(DATA, lists=LISTS, subvectors=3, distance="l2")
    assert len(np.unique(codebook.assign(DATA)[0])) == LISTS


def test_equal_rows_can_be_learned_from() -> None:
    codebook = train(np.ones((300, 4), np.float32), lists=2, subvectors=2, distance="l2")
    lists, codes, _ = codebook.assign(np.ones((1, 4), np.float32))
    np.testing.assert_allclose(codebook.decode(lists, codes), 1, rtol=1e-5)


@pytest.mark.parametrize(("dim", "subvectors"), [(1, 1), (5, 5), (5, 3), (9, 8), (13, 1)])
def test_dimensions_need_not_divide(dim: int, subvectors: int) -> None:
    data = clustered(300, dim, clusters=5)
    codebook = train(data, lists=1, subvectors=subvectors, distance="l2")
    lists, codes, corrections = codebook.assign(data)
    decoded = codebook.decode(lists, codes)
    assert decoded.shape == data.shape
    assert ((data - decoded) ** 2).sum() < 0.5 * ((data - data.mean(axis=0)) ** 2).sum()
    np.testing.assert_allclose(summed(codebook, data[0], data), decoded @ data[0], atol=1e-3)
    np.testing.assert_allclose(corrections, (decoded**2).sum(axis=1), rtol=1e-4, atol=1e-6)


def test_the_most_dimensions_of_pgvector_can_be_encoded() -> None:
    data = clustered(256, 16_000, clusters=4)
    codebook = train(data, lists=1, subvectors=2, distance="cosine")
    assert codebook.rotation is None
    assert codebook.decode(*codebook.assign(data[:2])[:2]).shape == (2, 16_000)


@given(dim=st.integers(1, 16_000), share=st.floats(0, 1))
def test_subvectors_cover_all_dimensions_evenly(dim: int, share: float) -> None:
    subvectors = max(1, round(dim * share))
    widths = split_widths(dim, subvectors)
    assert len(widths) == subvectors and sum(widths) == dim
    assert max(widths) - min(widths) <= 1 and widths == sorted(widths, reverse=True)


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=40), st.integers(1, 40))
def test_every_direction_is_dealt_once(variances: list[float], subvectors: int) -> None:
    widths = split_widths(len(variances), min(subvectors, len(variances)))
    assert sorted(allocate(np.array(variances), widths)) == list(range(len(variances)))


def test_large_variances_are_dealt_to_different_subvectors() -> None:
    assert allocate(np.array([1.0, 2.0, 50.0, 100.0]), [2, 2]) == [3, 0, 2, 1]


@pytest.mark.parametrize(
    ("rows", "changes", "words"),
    [
        (255, {}, "256 rows or more to learn from, and there are 255: search so few exactly"),
        (389, {"lists": 10}, "10 lists need 390 rows .* there are 389: use 9 lists or fewer"),
        (300, {"lists": 0}, "lists must be from 1 to 32768, not 0"),
        (300, {"lists": 32_769}, "lists must be from 1 to 32768, not 32769"),
        (300, {"subvectors": 0}, "subvectors must be from 1 to 30, not 0"),
        (300, {"subvectors": 31}, "subvectors must be from 1 to 30, not 31"),
        (300, {"distance": "l1"}, "'l1': an l1 distance is no sum of inner products"),
        (300, {"distance": "hamming"}, "'hamming': hamming compares bits"),
        (300, {"distance": "jaccard"}, "'jaccard': jaccard compares bits"),
        (300, {"distance": "nearness"}, "'nearness': choose one of cosine, l2, inner_product"),
    ],
)
def test_what_cannot_be_learned_is_refused(rows: int, changes: dict[str, Any], words: str) -> None:
    arguments = {"lists": 1, "subvectors": 3, "distance": "cosine", **changes}
    with pytest.raises(IndexSpecError, match=words):
        train(DATA[:rows], **arguments)


@pytest.mark.parametrize("number", [np.nan, np.inf, -np.inf])
def test_only_finite_numbers_are_taken(codebook: IVFPQCodebook, number: float) -> None:
    broken = DATA[:300].copy()
    broken[7, 3] = number
    with pytest.raises(InvalidVectorError, match="not finite"):
        train(broken, lists=1, subvectors=3, distance="l2")
    with pytest.raises(InvalidVectorError, match="not finite"):
        codebook.assign(broken)
    with pytest.raises(InvalidVectorError, match="not finite"):
        codebook.table(broken[7])


def test_another_dimension_is_refused(codebook: IVFPQCodebook) -> None:
    with pytest.raises(DimensionMismatchError, match="29 dimensions, not 30"):
        codebook.assign(DATA[:, :29])
    with pytest.raises(DimensionMismatchError, match="29 dimensions, not 30"):
        codebook.table(QUERY[:29])
    with pytest.raises(DimensionMismatchError, match="31 dimensions, not 30"):
        codebook.nearest_lists(np.zeros(31, np.float32), 1)


@pytest.mark.parametrize("shape", [(30,), (300, 0), (300, 3, 10)])
def test_rows_have_two_axes(codebook: IVFPQCodebook, shape: tuple[int, ...]) -> None:
    with pytest.raises(InvalidVectorError, match=r"shape \(n, dim\)"):
        codebook.assign(np.zeros(shape, np.float32))
    with pytest.raises(InvalidVectorError, match=r"shape \(n, dim\)"):
        train(np.zeros(shape, np.float32), lists=1, subvectors=1, distance="l2")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"distance": "l1"}, "'l1'"),
        ({"centroids": np.zeros((2, 30))}, "float32"),
        ({"centroids": np.zeros(30, np.float32)}, "needs"),
        ({"centroids": np.zeros((0, 30), np.float32)}, "needs"),
        ({"codewords": np.zeros((7, 255, 5), np.float32)}, "codewords must be"),
        ({"codewords": np.zeros((7, 256, 4), np.float32)}, "codewords must be"),
        ({"codewords": np.zeros((31, 256, 1), np.float32)}, "subvectors must be"),
        ({"rotation": np.zeros((30, 29), np.float32)}, "rotation must be"),
    ],
)
def test_arrays_that_do_not_belong_together_are_refused(
    codebook: IVFPQCodebook, changes: dict[str, Any], words: str
) -> None:
    with pytest.raises(IndexSpecError, match=words):
        replace(codebook, **changes)


def test_arrays_that_lack_one_are_refused(codebook: IVFPQCodebook) -> None:
    arrays = codebook.to_arrays()
    del arrays["codewords"], arrays["distance"]
    with pytest.raises(IndexSpecError, match="lacks codewords, distance"):
        IVFPQCodebook.from_arrays(arrays)


def test_importing_the_package_loads_nothing_heavy() -> None:
    script = "import sys, embeddb.quantizers; print(*sys.modules)"
    command = [sys.executable, "-c", script]
    loaded = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    assert "numpy" in loaded and not {"sklearn", "scipy", "threadpoolctl"} & set(loaded)
