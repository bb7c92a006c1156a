"""What an SQL encoder sees of a text: tokens, whole words, pairs of neighbours."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from embeddb.sql_encoder.wordpiece import LONGEST_WORD, WordPiece

LEAST_PAIR = 3
"""Texts that a pair must occur in: of fewer its weights would be learned by heart."""

TokenRow = list[int]


@dataclass(frozen=True, kw_only=True, slots=True)
class Features:
    """The columns: the vocabulary first, then words that it has only in pieces, then pairs.

    Attributes:
        limit: tokens read of a text.
        words: the column of a word, by the ids of its pieces.
        pairs: the column of two neighbouring columns.
    """

    pieces: WordPiece
    limit: int
    words: dict[tuple[int, ...], int]
    pairs: dict[tuple[int, int], int]

    @classmethod
    def of(
        cls, pieces: WordPiece, texts: Sequence[str], *, limit: int, words: int, pairs: int
    ) -> Features:
        """Choose the words and the pairs that occur in most texts."""
        found: Counter[tuple[int, ...]] = Counter()
        for text in pieces.words(texts):
            found.update({word for word in text if len(word) > 1})
        first = len(pieces.vocabulary)
        chosen = [word for word, _ in found.most_common() if _fits(pieces, word)][:words]
        known = {word: first + number for number, word in enumerate(chosen)}
        plain = cls(pieces=pieces, limit=limit, words=known, pairs={})
        beside: Counter[tuple[int, int]] = Counter()
        for row in plain.rows(texts):
            beside.update(set(itertools.pairwise(row)))
        common = [pair for pair, count in beside.most_common(pairs) if count >= LEAST_PAIR]
        first += len(known)
        numbered = {pair: first + number for number, pair in enumerate(common)}
        return cls(pieces=pieces, limit=limit, words=known, pairs=numbered)

    @property
    def names(self) -> list[str]:
        """What each column is called in the table of tokens."""
        names = list(self.pieces.vocabulary)
        names += [self.pieces.spelled(word) for word in self.words]
        return names + [names[one] + " " + names[other] for one, other in self.pairs]

    def rows(self, texts: Sequence[str]) -> Iterator[TokenRow]:
        """Give the columns of each text's tokens, in order, pairs apart."""
        for text in self.pieces.words(texts):
            row: TokenRow = []
            for word in text:
                whole = self.words.get(word)
                row += word if whole is None else (whole,)
            yield row[: self.limit]

    def matrix(self, texts: Sequence[str], bias: int) -> sparse.csr_matrix:
        """Count the features of each text, over the root of how many there are.

        A sum of n vectors that have nothing to do with each other has a length of about root n: so
        scaled, short and long texts are about as long as what the model gives, which is length 1.

        Args:
            texts: the rows.
            bias: the column that every text has once.
        """
        columns: list[int] = []
        ends = [0]
        for row in self.rows(texts):
            columns += row
            columns += self._paired(row)
            columns.append(bias)
            ends.append(len(columns))
        sizes = np.diff(ends)
        values = np.repeat(1 / np.sqrt(sizes), sizes).astype(np.float32)
        width = len(self.pieces.vocabulary) + len(self.words) + len(self.pairs)
        made = sparse.csr_matrix((values, columns, ends), shape=(len(texts), width))
        made.sum_duplicates()
        return made

    def _paired(self, row: TokenRow) -> Iterable[int]:
        found = (self.pairs.get(pair) for pair in itertools.pairwise(row))
        return [pair for pair in found if pair is not None]


def _fits(pieces: WordPiece, word: tuple[int, ...]) -> bool:
    """Leave out words that SQL would not look up whole: such as are in the vocabulary already."""
    spelled = pieces.spelled(word)
    return len(spelled) <= LONGEST_WORD and spelled not in pieces.tokenizer.get_vocab()
