"""What holds for every chunker, tokenizer and text."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer

from embeddb.chunkers import make_chunker
from tests.support.tokenizers import byte_pairs, count, unigram, word_piece

MAX_TOKENS = 16

PIECES = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=40),
    st.sampled_from(
        [
            "The quick brown fox. ",
            "word ",
            "\r\n",
            "\n\n",
            "\r",
            "   \t",
            "# Heading\n",
            "## Another\n\n",
            "```\ncode\n```\n",
            "Title\n=====\n",
            "def f(x):\n    return x\n\n\n",
            "class A:\n    def g(self):\n        if x:\n            pass\n",
            "x" * 300,
            "漢字かな交じり文。",
            "👨‍👩‍👧‍👦🏽🇺🇳",
            "e\u0301\u0323o\u0308",
            "שלום עולם. مرحبا؟ ",
            "a,b;c:d/e_f",
            "\u2028\x0b\x0c\x1c\x85",
            "function f() {\n  // note\n  return 1;\n}\n",
        ]
    ),
)
TEXTS = st.lists(PIECES, max_size=30).map("".join)
KINDS = st.sampled_from(["auto", "text", "markdown", "code"])
MEDIA_TYPES = st.sampled_from(
    [None, "text/plain", "text/markdown", "text/x-python", "text/javascript", "text/x-kotlin"]
)


def no_tokenizer() -> None:
    return None


def is_left_out(between: str) -> bool:
    """Return whether there is nothing but white space and punctuation."""
    return all(
        character.isspace() or unicodedata.category(character)[0] in "PSZC" for character in between
    )


@pytest.mark.parametrize("tokenizer_of", [word_piece, byte_pairs, unigram, no_tokenizer])
@settings(max_examples=80, deadline=None)
@given(text=TEXTS, kind=KINDS, media_type=MEDIA_TYPES, overlap=st.sampled_from([None, 0, 8]))
def test_nothing_is_lost_and_nothing_is_too_long(
    tokenizer_of: Callable[[], Tokenizer | None],
    text: str,
    kind: str,
    media_type: str | None,
    overlap: int | None,
) -> None:
    assume("\f" not in text)  # what several pages begin or end with is left out on purpose
    tokenizer = tokenizer_of()
    spec = {"kind": kind, "max_tokens": MAX_TOKENS, "overlap": overlap}
    chunks = make_chunker(spec, tokenizer).chunks(text, media_type)
    covered = 0
    for chunk in chunks:
        assert text[chunk.start : chunk.stop] == chunk.content
        assert chunk.content.strip()
        assert len(chunk.content) == 1 or count(tokenizer, chunk.content) <= MAX_TOKENS
        assert is_left_out(text[covered : chunk.start])
        assert chunk.stop > covered
        covered = chunk.stop
    assert is_left_out(text[covered:])
    starts = [chunk.start for chunk in chunks]
    assert starts == sorted(set(starts))


@pytest.mark.parametrize("kind", ["auto", "none", "text", "markdown", "code"])
@pytest.mark.parametrize("blank", ["", " ", "\n\r\n\t\u2003"])
def test_white_space_has_no_chunks(kind: str, blank: str) -> None:
    assert make_chunker(kind, word_piece(), 254).chunks(blank) == []


def test_a_text_of_one_endless_word_is_cut_in_linear_time() -> None:
    text = "x" * 1_000_000
    chunks = make_chunker("text", word_piece(), 254).chunks(text)
    assert "".join(chunk.content for chunk in chunks) == text
    assert max(len(chunk.content) for chunk in chunks) <= 254 * 32


def test_a_tokenizer_that_truncates_still_counts_everything() -> None:
    tokenizer = Tokenizer.from_str(word_piece().to_str())
    tokenizer.enable_truncation(4)
    tokenizer.enable_padding(length=128)
    text = "one two three four five six seven eight nine ten"
    chunks = make_chunker({"kind": "text", "max_tokens": 5, "overlap": 0}, tokenizer).chunks(text)
    assert [chunk.content for chunk in chunks] == [
        "one two three four five",
        "six seven eight nine ten",
    ]
    assert tokenizer.truncation is not None


@pytest.mark.parametrize(
    "grapheme",
    ["👨‍👩‍👧‍👦", "🇩🇪", "\u1100\u1161\u11a8", "e\u0301\u0323", "1\ufe0f\u20e3", "=\u0338", "நி"],
)
@pytest.mark.parametrize("kind", ["text", "code", "markdown"])
def test_a_character_is_not_cut_from_its_parts(grapheme: str, kind: str) -> None:
    chunks = make_chunker({"kind": kind, "max_tokens": 9, "overlap": 0}).chunks(grapheme * 60)
    assert len(chunks) > 5
    for chunk in chunks:
        assert chunk.content == grapheme * (len(chunk.content) // len(grapheme))


def test_a_character_of_endless_marks_is_cut() -> None:
    text = "e" + "\u0301" * 10_000
    chunks = make_chunker({"kind": "text", "max_tokens": 20, "overlap": 0}).chunks(text)
    assert "".join(chunk.content for chunk in chunks) == text
    assert max(len(chunk.content) for chunk in chunks) <= 60
