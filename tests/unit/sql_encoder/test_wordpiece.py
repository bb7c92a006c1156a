"""Which tokenizers an SQL encoder can be made of, and what is read of them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tokenizers import Tokenizer

from embeddb.errors import SQLEncoderError
from embeddb.sql_encoder.wordpiece import WordPiece
from tests.support.tokenizers import byte_pairs, unigram, word_piece


def edited(**changes: Any) -> Tokenizer:  # noqa: ANN401
    described = json.loads(word_piece().to_str())
    described["model"] |= changes
    return Tokenizer.from_str(json.dumps(described))


@pytest.mark.parametrize(
    ("tokenizer", "why"),
    [
        (None, "it has no tokenizer"),
        (byte_pairs(), "its tokenizer is of the kind BPE"),
        (unigram(), "its tokenizer is of the kind Unigram"),
        (edited(continuing_subword_prefix="@@"), "not BERT's WordPiece"),
        (edited(max_input_chars_per_word=50), "not BERT's WordPiece"),
    ],
    ids=["none", "bpe", "unigram", "prefix", "longest word"],
)
def test_another_tokenizer_is_refused_with_the_other_way(
    tokenizer: Tokenizer | None, why: str
) -> None:
    with pytest.raises(SQLEncoderError, match=why) as caught:
        WordPiece.of(tokenizer, "my-model")
    message = str(caught.value)
    assert message.startswith("No SQL encoder can be made of the model 'my-model'")
    assert "embeddb worker" in message


def test_a_vocabulary_with_gaps_is_refused() -> None:
    described = json.loads(word_piece().to_str())
    described["model"]["vocab"]["ink"] = 10**6
    with pytest.raises(SQLEncoderError, match="its vocabulary has gaps"):
        WordPiece.of(Tokenizer.from_str(json.dumps(described)), "my-model")


def test_words_are_the_pieces_between_spaces_and_signs() -> None:
    pieces = WordPiece.of(word_piece(), "all-MiniLM-L6-v2")
    (words,) = pieces.words(["Typesetting, ink!"])
    assert [pieces.spelled(word) for word in words] == ["typesetting", ",", "ink", "!"]
    assert pieces.rules["lower"] and pieces.rules["decompose"]
