"""Thermometer codes: the bits, their order, and what their distance says."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from embeddb.errors import DimensionMismatchError, IndexSpecError, InvalidVectorError
from embeddb.quantizers import Thermometer
from embeddb.quantizers import rows as rows_module
from embeddb.records import Vector
from tests.support.vectors import clustered, distances

DATA = clustered(500, 11)
NUMBERS = st.floats(-3, 3, width=32)


def bit_text(thermometer: Thermometer, row: Vector) -> str:
    """Write a code as Postgres would: `binary_quantize(x - t1) || binary_quantize(x - t2)`."""
    return "".join(
        "1" if number > 0 else "0"
        for thresholds in thermometer.thresholds
        for number in row - thresholds
    )


@pytest.mark.parametrize("levels", [2, 3])
@given(rows=arrays(np.float32, st.tuples(st.integers(1, 4), st.just(11)), elements=NUMBERS))
def test_bits_are_in_postgres_s_order(levels: int, rows: Vector) -> None:
    thermometer = Thermometer.fit(DATA, levels)
    for row, code in zip(rows, thermometer.encode(rows), strict=True):
        text = "".join(f"{byte:08b}" for byte in code)
        assert text[: thermometer.bits] == bit_text(thermometer, row)
        assert set(text[thermometer.bits :]) <= {"0"}


def test_a_number_on_a_threshold_is_not_above_it() -> None:
    thermometer = Thermometer(thresholds=np.array([[0, 0], [1, 1]], np.float32))
    rows = np.array([[0, 1], [0.5, 1.5]], np.float32)
    assert [f"{byte:08b}" for (byte,) in thermometer.encode(rows)] == ["01000000", "11010000"]


@given(rows=arrays(np.float32, (2, 11), elements=NUMBERS), levels=st.sampled_from([2, 3]))
def test_hamming_counts_the_thresholds_between_two_rows(rows: Vector, levels: int) -> None:
    thermometer = Thermometer.fit(DATA, levels)
    first, second = thermometer.encode(rows)
    above = (rows[:, np.newaxis] > thermometer.thresholds).sum(axis=1).astype(int)
    assert np.unpackbits(first ^ second).sum() == np.abs(above[0] - above[1]).sum()


@pytest.mark.parametrize(("levels", "size"), [(2, 3), (3, 5)])
def test_a_code_is_packed(levels: int, size: int) -> None:
    thermometer = Thermometer.fit(DATA, levels)
    codes = thermometer.encode(DATA)
    assert (codes.dtype.name, codes.shape) == ("uint8", (500, size))
    assert (thermometer.levels, thermometer.dim, thermometer.bits) == (levels, 11, levels * 11)


@pytest.mark.parametrize("levels", [2, 3])
def test_thresholds_cut_each_dimension_in_equal_shares(levels: int) -> None:
    thermometer = Thermometer.fit(DATA, levels)
    above = (DATA[:, np.newaxis] > thermometer.thresholds).mean(axis=0)
    expected = 1 - np.arange(1, levels + 1) / (levels + 1)
    np.testing.assert_allclose(above, np.tile(expected[:, np.newaxis], 11), atol=0.01)


def test_more_levels_find_more_of_the_nearest() -> None:
    random = np.random.default_rng(5)
    data = random.standard_normal((2_000, 48), dtype=np.float32)
    found = {levels: 0 for levels in (2, 3)}
    for levels in found:
        codes = Thermometer.fit(data, levels).encode(data)
        for query in range(20):
            away = np.unpackbits(codes ^ codes[query], axis=1).sum(axis=1)
            true = np.argsort(distances("cosine", data[query], data))[:10]
            found[levels] += len(np.intersect1d(np.argsort(away, kind="stable")[:50], true))
    assert 120 < found[2] < found[3]


def test_blocks_do_not_change_the_codes(monkeypatch: pytest.MonkeyPatch) -> None:
    thermometer = Thermometer.fit(DATA)
    whole = thermometer.encode(DATA)
    monkeypatch.setattr(rows_module, "BLOCK_NUMBERS", 300)
    np.testing.assert_array_equal(thermometer.encode(DATA), whole)


def test_no_rows_give_no_codes() -> None:
    assert Thermometer.fit(DATA).encode(DATA[:0]).shape == (0, 3)


def test_a_dimension_that_never_changes_gives_equal_thresholds() -> None:
    thermometer = Thermometer.fit(np.ones((10, 3), np.float32), 3)
    assert not thermometer.encode(np.ones((1, 3), np.float32)).any()


@pytest.mark.parametrize("levels", [0, 1, 4])
def test_there_are_two_or_three_levels(levels: int) -> None:
    with pytest.raises(IndexSpecError, match=f"2 or 3 levels, not {levels}"):
        Thermometer.fit(DATA, levels)
    with pytest.raises(IndexSpecError, match=f"2 or 3 levels, not {levels}"):
        Thermometer(thresholds=np.zeros((levels, 11), np.float32))


@pytest.mark.parametrize(
    ("thresholds", "words"),
    [
        (np.zeros(3, np.float32), "shape"),
        (np.zeros((2, 3)), "float32"),
        (np.array([[1], [0]], np.float32), "ascend"),
        (np.array([[0], [np.nan]], np.float32), "ascend"),
    ],
)
def test_thresholds_out_of_order_are_refused(thresholds: Vector, words: str) -> None:
    with pytest.raises(IndexSpecError, match=words):
        Thermometer(thresholds=thresholds)


def test_thresholds_need_rows() -> None:
    with pytest.raises(IndexSpecError, match="there are none"):
        Thermometer.fit(DATA[:0])


def test_another_dimension_is_refused() -> None:
    with pytest.raises(DimensionMismatchError, match="10 dimensions, not 11"):
        Thermometer.fit(DATA).encode(DATA[:, :10])


def test_only_finite_rows_of_two_axes_are_taken() -> None:
    broken = np.where(np.arange(11) == 4, np.nan, DATA).astype(np.float32)
    with pytest.raises(InvalidVectorError, match="not finite"):
        Thermometer.fit(broken)
    with pytest.raises(InvalidVectorError, match="not finite"):
        Thermometer.fit(DATA).encode(broken)
    with pytest.raises(InvalidVectorError, match="shape"):
        Thermometer.fit(DATA).encode(DATA[0])
