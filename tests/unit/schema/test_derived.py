"""What an index may be on instead of the stored vectors."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from embeddb.errors import IndexSpecError
from embeddb.schema.derived import Derived

FIXED = {
    "halfvec": Derived(kind="halfvec"),
    "bit": Derived(kind="bit"),
    "bit2": Derived(kind="bit", levels=2),
    "bit3": Derived(kind="bit", levels=3),
}


def _word(derived: Derived) -> str:
    if derived.dim is not None:
        return f"{derived.kind}:{derived.dim}"
    return derived.kind + (str(derived.levels) if derived.levels > 1 else "")


@pytest.mark.parametrize("word", FIXED)
def test_a_word_says_what_is_derived(word: str) -> None:
    assert Derived.parse(word) == FIXED[word]


@given(st.sampled_from(["subvector", "pca"]), st.integers(1, 99_999))
def test_a_number_says_how_many_dimensions_are_kept(kind: str, dim: int) -> None:
    derived = Derived.parse(f"{kind}:{dim}")
    assert (derived.kind, derived.dim, derived.levels) == (kind, dim, 1)
    assert _word(derived) == f"{kind}:{dim}"


_NEARLY = st.tuples(
    st.sampled_from(["halfvec", "bit", "subvector", "pca", "Bit", "BIT", " bit", "vector", ""]),
    st.sampled_from(["", ":", "\n", " "]),
    st.text(st.characters(categories=["Nd", "L", "P", "Zs"]), max_size=6) | st.integers().map(str),
).map("".join)


@given(_NEARLY | st.text(max_size=12))
def test_a_word_is_read_as_it_is_written_or_refused(word: str) -> None:
    try:
        derived = Derived.parse(word)
    except IndexSpecError as error:
        assert repr(word) in str(error)
        return
    assert _word(derived) == word


@pytest.mark.parametrize(
    "word",
    [
        "",
        "bit1",
        "bit4",
        "bit22",
        "BIT",
        "bit ",
        "bit\n",
        "halfvec:64",
        "subvector",
        "subvector:",
        "subvector:0",
        "subvector:064",
        "subvector:-1",
        "subvector:1.5",
        "subvector:100000",
        "subvector:1\N{ARABIC-INDIC DIGIT THREE}",
        "pca",
        "pca:64 ",
        "int8",
        None,
        3,
        b"bit",
        ["bit"],
    ],
)
def test_any_other_word_is_refused_with_the_known_ones(word: Any) -> None:  # noqa: ANN401
    with pytest.raises(IndexSpecError) as caught:
        Derived.parse(word)
    assert repr(word) in str(caught.value)
    for known in ("halfvec", "bit", "bit2", "bit3", "subvector:N", "pca:N"):
        assert known in str(caught.value)


def test_the_coarser_the_form_the_more_candidates_are_rescored() -> None:
    wanted = [Derived.parse(word).oversample for word in ("halfvec", "bit3", "bit2", "bit")]
    assert wanted == sorted(wanted)
    assert len(set(wanted)) == len(wanted)
    assert wanted[0] == 1.0
    assert Derived.parse("subvector:8").oversample == Derived.parse("pca:8").oversample > 1


@pytest.mark.parametrize("word", [*FIXED, "subvector:8", "pca:8"])
def test_only_codes_of_several_levels_have_thresholds(word: str) -> None:
    assert Derived.parse(word).has_thresholds == (word in ("bit2", "bit3"))
