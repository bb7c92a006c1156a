"""How prose is cut."""

from __future__ import annotations

from itertools import pairwise

from embeddb.chunkers import TextChunker, WholeDocument
from tests.support.tokenizers import count, word_piece

PARAGRAPH = "The river is high today. Boats stay at the quay. Nobody minds the rain. "


def contents(text: str, max_tokens: int, overlap: int = 0) -> list[str]:
    chunks = TextChunker(max_tokens, overlap, word_piece()).chunks(text)
    return [chunk.content for chunk in chunks]


def test_a_short_text_is_one_chunk() -> None:
    assert contents("  Just this.\n", 20) == ["Just this."]


def test_paragraphs_stay_whole_where_they_fit() -> None:
    paragraph = PARAGRAPH.strip()
    assert contents(f"{paragraph}\n\n{paragraph}\n\n{paragraph}", 25) == [paragraph] * 3


def test_a_long_paragraph_is_cut_between_sentences() -> None:
    for chunk in contents(PARAGRAPH * 5, 25):
        assert chunk.endswith(".")


def test_lines_without_sentences_are_cut_at_line_ends() -> None:
    lines = [f"{number} copper wire" for number in range(40)]
    pieces = [line for chunk in contents("\n".join(lines), 20) for line in chunk.split("\n")]
    assert pieces == lines


def test_a_word_over_the_limit_is_cut() -> None:
    word = "antidisestablishmentarianism" * 3
    pieces = contents(word, 8)
    assert len(pieces) > 1
    assert "".join(pieces) == word


def test_the_next_chunk_begins_with_the_end_of_the_one_before() -> None:
    text = PARAGRAPH * 10
    chunks = TextChunker(40, 10, word_piece()).chunks(text)
    for left, right in pairwise(chunks):
        shared = text[right.start : left.stop]
        assert 0 < count(word_piece(), shared) <= 10
        assert text[right.start - 1].isspace()


def test_chunks_are_filled() -> None:
    counts = [count(word_piece(), chunk) for chunk in contents(PARAGRAPH * 100, 100)]
    assert sum(counts[:-1]) / len(counts[:-1]) > 75


def test_without_a_tokenizer_a_token_is_three_bytes() -> None:
    chunks = TextChunker(10).chunks(PARAGRAPH * 3)
    assert all(len(chunk.content.encode()) <= 30 for chunk in chunks)


def test_a_whole_document_is_not_cut() -> None:
    text = " " + PARAGRAPH * 100
    (chunk,) = WholeDocument().chunks(text)
    assert (chunk.start, chunk.stop, chunk.content) == (0, len(text), text)
