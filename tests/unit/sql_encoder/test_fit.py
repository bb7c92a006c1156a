"""The regression finds weights that were there, and keeps the priors of tokens it has not seen."""

from __future__ import annotations

import numpy as np
import pytest

from embeddb.sql_encoder.features import Features
from embeddb.sql_encoder.fit import Examples, fit, single_columns
from embeddb.sql_encoder.report import compare, nearest
from embeddb.sql_encoder.wordpiece import BIAS, PREFIX, WordPiece
from tests.support.tokenizers import word_piece
from tests.support.vectors import clustered

TEXTS = [f"{a} {b}" for a in ("ink", "oak", "mill", "press") for b in ("red", "green", "old")] * 3


@pytest.fixture(scope="module")
def pieces() -> WordPiece:
    return WordPiece.of(word_piece(), "all-MiniLM-L6-v2")


def features(pieces: WordPiece, *, words: int = 0, pairs: int = 0) -> Features:
    return Features.of(pieces, TEXTS, limit=8, words=words, pairs=pairs)


def test_words_in_pieces_and_frequent_neighbours_get_columns(pieces: WordPiece) -> None:
    texts = ["typesetting ink"] * 4 + ["ink typesetting", "letterpress"]
    found = Features.of(pieces, texts, limit=8, words=5, pairs=5)
    first = len(pieces.vocabulary)
    assert {pieces.spelled(word) for word in found.words} == {"typesetting", "letterpress"}
    # only pairs that occur in three texts or more are worth a weight of their own
    assert found.names[first + 2 :] == ["typesetting ink"]
    assert [len(row) for row in found.rows(["typesetting ink", "a b c d e f g h i j"])] == [2, 8]


def test_a_texts_features_are_counted_over_the_root_of_their_number(pieces: WordPiece) -> None:
    made = features(pieces)
    bias = pieces.vocabulary.index(BIAS)
    matrix = made.matrix(["ink ink ink", ""], bias)
    ink = pieces.vocabulary.index("ink")
    assert matrix[0, ink] == pytest.approx(3 / 2) and matrix[0, bias] == pytest.approx(1 / 2)
    assert matrix[1, bias] == 1 and matrix[1].nnz == 1


def test_the_weights_that_made_the_vectors_are_found_again(pieces: WordPiece) -> None:
    made = features(pieces)
    bias = pieces.vocabulary.index(BIAS)
    matrix = made.matrix(TEXTS, bias)
    truth = np.random.default_rng(0).normal(size=(len(made.names), 40)).astype(np.float32)
    vectors = np.asarray(matrix @ truth, dtype=np.float32)
    prior = np.zeros_like(truth)
    unseen = pieces.vocabulary.index("river")
    prior[unseen] = 7
    told: list[tuple[int, int]] = []
    weights = fit(
        made, Examples(texts=TEXTS, vectors=vectors), prior, lambda *step: told.append(step)
    )
    error = np.linalg.norm(matrix @ weights - vectors) / np.linalg.norm(vectors)
    assert error < 0.2
    assert (weights[unseen] == 7).all()
    assert told == [(32, 40), (40, 40)]


def test_columns_that_the_model_can_encode_alone_start_with_the_texts_own(
    pieces: WordPiece,
) -> None:
    made = features(pieces, words=3, pairs=3)
    alone = single_columns(made, ["ink"], 5)
    names = [name for _, name in alone]
    assert names[0] == "ink"
    assert len(alone) == 5 + len(made.words)
    assert not [name for name in names if name.startswith((PREFIX, "["))]


def test_examples_are_joined_in_order() -> None:
    one = Examples(texts=["a"], vectors=np.zeros((1, 2), np.float32))
    other = Examples(texts=["b"], vectors=np.ones((1, 2), np.float32))
    assert (one + other).texts == ["a", "b"]
    assert (one + other).vectors.tolist() == [[0, 0], [1, 1]]


def test_the_nearest_rows_are_those_of_a_full_sort() -> None:
    corpus, queries = clustered(400, 8, seed=1), clustered(300, 8, seed=2)
    found = nearest(queries, corpus, 10)
    expected = np.argsort(-(queries @ corpus.T), axis=1)[:, :10]
    assert found.shape == (300, 10)
    assert np.mean(found == expected) > 0.999  # equal similarities may change places
    assert nearest(queries, corpus[:3], 10).shape == (300, 3)


def test_a_perfect_encoder_measures_perfectly_and_a_random_one_does_not() -> None:
    corpus = clustered(300, 16, seed=3)
    corpus /= np.linalg.norm(corpus, axis=1, keepdims=True)
    queries, relevant = corpus[:20], [[n] for n in range(20)]
    perfect = compare(queries, queries, corpus, relevant)
    assert perfect["cosine"] == pytest.approx(1)
    assert perfect["recall_at_10"] == perfect["model_recall_at_10"] == perfect["overlap_at_10"] == 1
    other = compare(corpus[200:220], queries, corpus, relevant)
    assert other["recall_at_10"] < 0.5 and other["overlap_at_10"] < 0.5
    assert other["model_recall_at_100"] == 1
