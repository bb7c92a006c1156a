"""Spans are distinct runs of words of the texts that they name."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from embeddb.sql_encoder.spans import LONG_ENOUGH, spans

WORDS = st.lists(st.sampled_from(["ink", "oak", "(gall)", "press.", "mill", "—"]), max_size=20)
TEXTS = st.lists(WORDS.map(" ".join), max_size=8)


@given(TEXTS, st.integers(1, 30), st.integers(0, 5))
def test_a_span_is_found_in_the_text_that_it_names(texts: list[str], count: int, seed: int) -> None:
    drawn = spans(texts, count, seed=seed)
    assert len(drawn) <= count
    assert len({span for _, span in drawn}) == len(drawn)
    assert all(span.strip() and span in texts[number] for number, span in drawn)
    assert drawn == spans(texts, count, seed=seed)


def test_spans_have_as_many_words_as_the_text_or_the_lengths_allow() -> None:
    texts = ["one two", " ".join(f"w{n}" for n in range(50))]
    drawn = spans(texts, 40, seed=1, lengths=LONG_ENOUGH)
    lengths = {number: {len(span.split()) for n, span in drawn if n == number} for number in (0, 1)}
    assert lengths[0] == {2}
    assert lengths[1] <= set(LONG_ENOUGH) and len(lengths[1]) > 3


def test_texts_without_words_give_no_spans() -> None:
    assert spans(["", " \n"], 10, seed=0) == []
