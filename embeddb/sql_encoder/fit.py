"""Weights of tokens by ridge regression, so that their sum is the model's vector of a text."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from embeddb.protocols import Progress
from embeddb.records import Vector
from embeddb.sql_encoder.features import Features
from embeddb.sql_encoder.wordpiece import BIAS, PREFIX

STRENGTH = 1.0
"""The ridge's penalty. From 0.3 to 10 nothing measured changed by more than 0.01."""

ITERATIONS = 15
"""Steps of conjugate gradients: more of them change vectors by less than their error."""

_SPECIAL = re.compile(r"\[\w+\]")

COLUMNS_AT_ONCE = 32
"""Dimensions that are solved for between two reports of progress."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Examples:
    """Texts, and the model's vectors of them as queries: shape (n, dim), of length 1."""

    texts: list[str]
    vectors: Vector

    def __add__(self, other: Examples) -> Examples:
        return Examples(
            texts=self.texts + other.texts, vectors=np.concatenate([self.vectors, other.vectors])
        )


def single_columns(features: Features, texts: Sequence[str], tokens: int) -> list[tuple[int, str]]:
    """Return the columns that the model can encode alone, each with its text: all but pairs.

    Args:
        features: the columns.
        texts: their tokens come first.
        tokens: how many of the vocabulary to return; words outside of it are all returned.
    """
    names, first = features.names, len(features.pieces.vocabulary)
    seen = set(itertools.chain.from_iterable(features.rows(texts)))
    # a vocabulary of BERT's lists the commonest tokens first
    order = sorted(range(first), key=lambda column: (column not in seen, column))
    askable = [column for column in order if not _SPECIAL.fullmatch(names[column])]
    chosen = askable[:tokens] + list(range(first, first + len(features.words)))
    return [(column, names[column].removeprefix(PREFIX)) for column in chosen]


def fit(features: Features, examples: Examples, prior: Vector, progress: Progress) -> Vector:
    """Return the weights of each column, shape (columns, dim).

    A token that the texts do not have keeps its prior, the model's own vector of it, so that
    queries with words that the collection does not have mean something, too.

    Args:
        features: the columns.
        examples: the texts, and the vectors to predict.
        prior: the weights to start from, shape (columns, dim).
        progress: called with the dimensions done and their number.
    """
    from sklearn.linear_model import Ridge  # type: ignore[import-untyped]

    bias = features.pieces.vocabulary.index(BIAS)
    matrix: sparse.csr_matrix = features.matrix(examples.texts, bias)
    missing = examples.vectors - matrix @ prior
    weights = prior.copy()
    dim = weights.shape[1]
    for start in range(0, dim, COLUMNS_AT_ONCE):
        part = slice(start, min(start + COLUMNS_AT_ONCE, dim))
        ridge = Ridge(
            alpha=STRENGTH,
            solver="sparse_cg",
            max_iter=ITERATIONS,
            tol=1e-3,
            fit_intercept=False,
        )
        ridge.fit(matrix, missing[:, part])
        weights[:, part] += np.asarray(ridge.coef_, dtype=np.float32).reshape(-1, len(prior)).T
        progress(part.stop, dim)
    return weights
