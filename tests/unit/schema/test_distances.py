"""Distances by name, and their scores."""

from __future__ import annotations

import pytest

from embeddb.errors import ConfigurationError
from embeddb.schema.distances import Distance


@pytest.mark.parametrize("distance", Distance)
def test_a_distance_is_found_by_its_name(distance: Distance) -> None:
    assert Distance.named(distance.label) is distance


def test_an_unknown_distance_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(ConfigurationError, match=r"'euclid'.*cosine, l2, inner_product"):
        Distance.named("euclid")


@pytest.mark.parametrize("distance", Distance)
def test_what_is_nearer_scores_higher(distance: Distance) -> None:
    scores = [distance.score(value) for value in (0.0, 0.25, 0.5, 1.0)]
    assert scores == sorted(scores, reverse=True)
    assert len(set(scores)) == 4


def test_distances_of_bits_are_told_from_those_of_numbers() -> None:
    assert {one.label for one in Distance if one.of_bits} == {"hamming", "jaccard"}
