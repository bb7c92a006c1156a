"""How many lists and bytes are chosen, and what is called unequal."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from embeddb.quantizers import default_lists, default_subvectors, imbalance


@pytest.mark.parametrize(
    ("rows", "lists"),
    [(0, 1), (256, 6), (1_521, 39), (60_000, 244), (10**6, 1_000), (10**12, 32_768)],
)
def test_lists_follow_the_root_of_the_rows(rows: int, lists: int) -> None:
    assert default_lists(rows) == lists


@given(st.integers(256, 10**10))
def test_there_are_always_rows_enough_for_the_default_lists(rows: int) -> None:
    assert default_lists(rows) * 39 <= rows


@pytest.mark.parametrize(
    ("dim", "subvectors"),
    [(1, 1), (5, 5), (20, 8), (64, 8), (384, 48), (768, 96), (1_536, 192), (16_000, 192)],
)
def test_a_code_has_a_byte_for_eight_dimensions(dim: int, subvectors: int) -> None:
    assert default_subvectors(dim) == subvectors


@given(st.integers(1, 16_000))
def test_a_default_code_has_no_more_bytes_than_dimensions(dim: int) -> None:
    assert 1 <= default_subvectors(dim) <= dim


def test_equal_lists_are_balanced() -> None:
    assert imbalance([5, 5, 5, 5]) == 1.0


def test_one_full_list_is_as_unbalanced_as_there_are_lists() -> None:
    assert imbalance(np.array([0, 20, 0, 0])) == 4.0


def test_empty_lists_count() -> None:
    assert imbalance([10, 10, 0, 0]) == 2.0


def test_no_rows_are_balanced() -> None:
    assert imbalance([0, 0]) == imbalance([]) == 1.0


@given(st.lists(st.integers(0, 10**6), min_size=1, max_size=50).filter(any))
def test_imbalance_lies_between_one_and_the_number_of_lists(counts: list[int]) -> None:
    assert 1 - 1e-9 <= imbalance(counts) <= len(counts) + 1e-9
