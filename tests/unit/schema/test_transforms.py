"""What a transform's spec takes, what it counts, and what it refuses."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TypeAlias, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from embeddb.errors import ConfigurationError, TransformError
from embeddb.schema.transform_kinds import StepKind
from embeddb.transforms import TransformSpec

Value: TypeAlias = str | Sequence[str]

UNSIZED = [kind.label for kind in StepKind if not kind.sized]
SIZED = [kind.label for kind in StepKind if kind.sized]

words = st.one_of(
    st.sampled_from(UNSIZED),
    st.builds("{}:{}".format, st.sampled_from(SIZED), st.integers(1, 4096)),
)


def parsed(value: Value) -> TransformSpec:
    spec = TransformSpec.parse(value)
    assert spec is not None
    return spec


@given(st.lists(words, min_size=1, max_size=4))
def test_a_spec_survives_json(chosen: list[str]) -> None:
    spec = TransformSpec(words=tuple(chosen))
    assert spec.to_json() == chosen
    assert TransformSpec.from_json(spec.to_json()) == spec


@pytest.mark.parametrize(
    ("written", "canonical"),
    [
        ("rotation", ("rotation:random",)),
        (" PCA:0128 ", ("pca:128",)),
        ("matryoshka: 64", ("matryoshka:64",)),
        (["normalize", "pca:128"], ("normalize", "pca:128")),
        (("rotation:itq",), ("rotation:itq",)),
    ],
)
def test_words_are_kept_in_one_spelling(written: Value, canonical: tuple[str, ...]) -> None:
    assert parsed(written).words == canonical


def test_none_is_no_transform_and_a_spec_stays_itself() -> None:
    spec = TransformSpec(words=("normalize",))
    assert TransformSpec.parse(None) is None
    assert TransformSpec.parse(spec) is spec


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (
            "whiten",
            "Unknown transform 'whiten': choose from normalize, rotation:random, rotation:pca, "
            "rotation:itq, pca:N, matryoshka:N, autoencoder:N",
        ),
        ("normalize:3", "Unknown transform 'normalize:3'"),
        ("rotation:spin", "Unknown transform 'rotation:spin'"),
        ("pca", "pca needs the number of dimensions to keep, at least 1: write pca:128"),
        ("pca:0", "pca needs the number of dimensions to keep, at least 1"),
        ("matryoshka:-3", "matryoshka needs the number of dimensions to keep, at least 1"),
        ("autoencoder:many", "autoencoder needs the number of dimensions to keep, at least 1"),
        ([], "A transform needs at least one word; None means no transform"),
        (
            [128],
            "A transform is a word such as 'pca:128' or a list of such words; 128 is neither.",
        ),
        (128, "A transform is a word such as 'pca:128' or a list of such words; 128 is neither."),
    ],
)
def test_what_is_no_spec_is_refused(value: object, message: str) -> None:
    with pytest.raises(TransformError, match=re.escape(message)):
        TransformSpec.parse(cast(Value, value))


def test_a_wrong_spec_is_a_wrong_configuration() -> None:
    with pytest.raises(ConfigurationError):
        TransformSpec.parse("whiten")


@pytest.mark.parametrize(
    ("value", "needs_fit", "min_rows", "output_dim"),
    [
        ("normalize", False, 0, 384),
        ("rotation", False, 0, 384),
        ("matryoshka:64", False, 0, 64),
        ("pca:64", True, 128, 64),
        ("rotation:pca", True, 768, 384),
        ("rotation:itq", True, 768, 384),
        ("autoencoder:64", True, 1_000, 64),
        ("autoencoder:300", True, 1_200, 300),
        (["pca:64", "rotation:itq"], True, 128, 64),
        (["rotation:itq", "pca:64"], True, 768, 64),
        (["pca:64", "matryoshka:32", "normalize"], True, 128, 32),
    ],
)
def test_a_spec_knows_its_rows_and_dimensions(
    value: Value, needs_fit: bool, min_rows: int, output_dim: int
) -> None:
    spec = parsed(value)
    assert spec.needs_fit is needs_fit
    assert spec.min_rows(384) == min_rows
    assert spec.output_dim(384) == output_dim


@pytest.mark.parametrize(
    ("value", "distance", "message"),
    [
        (
            "pca:500",
            "cosine",
            "pca:500 keeps more dimensions than the 384 there are: write pca:384 or fewer",
        ),
        (["pca:64", "matryoshka:65"], "l2", "matryoshka:65 keeps more dimensions than the 64"),
        (
            "rotation",
            "l1",
            "rotation:random does not keep l1 distances: use the distance l2 or cosine, or "
            "shorten with matryoshka:N",
        ),
        ("rotation:itq", "l1", "rotation:itq does not keep l1 distances"),
        ("pca:64", "l1", "pca:64 does not keep l1 distances"),
        ("autoencoder:64", "l1", "autoencoder:64 does not keep l1 distances"),
        ("rotation", "jaccard", "rotation:random does not keep which bits two codes share"),
        (
            "autoencoder:64",
            "hamming",
            "autoencoder:64 does not keep the signs that hamming compares: use pca:N and then "
            "rotation:itq",
        ),
        (
            "normalize",
            "euclidean",
            "Unknown distance 'euclidean': choose one of cosine, l2, inner_product, l1, hamming, "
            "jaccard",
        ),
    ],
)
def test_a_contradiction_is_refused_with_its_remedy(
    value: Value, distance: str, message: str
) -> None:
    with pytest.raises(TransformError, match=re.escape(message)):
        parsed(value).check(384, distance)


@pytest.mark.parametrize(
    ("value", "distance"),
    [
        ("matryoshka:384", "l1"),
        ("normalize", "jaccard"),
        ("rotation:itq", "hamming"),
        (["pca:64", "rotation:itq"], "hamming"),
        ("autoencoder:384", "inner_product"),
        ("rotation", "l2"),
    ],
)
def test_words_that_suit_the_distance_pass(value: Value, distance: str) -> None:
    parsed(value).check(384, distance)
