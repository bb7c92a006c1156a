"""What errors suggest."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from embeddb.chunkers import ChunkerSpec
from embeddb.errors import ConfigurationError, did_you_mean
from embeddb.schema import indexes
from embeddb.schema.distances import Distance
from embeddb.schema.storage import Storage
from embeddb.schema.transforms import TransformSpec


@pytest.mark.parametrize(
    ("given", "suggestion"),
    [
        ("halfvc", " Did you mean 'halfvec'?"),
        ("HALFVEC", " Did you mean 'halfvec'?"),
        ("half", " Did you mean 'halfvec'?"),
        ("zzzz", ""),
        ("", ""),
        (7, ""),
        ("Strasse", " Did you mean 'straße'?"),
    ],
)
def test_nearest_name_is_suggested(given: object, suggestion: str) -> None:
    assert did_you_mean(given, ["vector", "halfvec", "int8", "straße"]) == suggestion


def test_every_mistyped_kind_gets_a_suggestion() -> None:
    mistyped: list[tuple[Callable[[], object], str]] = [
        (lambda: Distance.named("cosin"), "cosine"),
        (lambda: Distance.named("dot"), "inner_product"),
        (lambda: Distance.named("euclidean"), "l2"),
        (lambda: Storage.named("halfvc"), "halfvec"),
        (lambda: ChunkerSpec.parse("markdwn"), "markdown"),
        (lambda: indexes.parse("hsnw"), "hnsw"),  # type: ignore[arg-type]
        (lambda: TransformSpec.parse("normalise"), "normalize"),
    ]
    for make, wanted in mistyped:
        with pytest.raises(ConfigurationError, match=f"Did you mean '{wanted}'"):
            make()
