"""The features that an SQL encoder sees of a text: tokens, whole words, pairs of neighbours."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from embeddb.sql_encoder.wordpiece import LONGEST_WORD, WordPiece

LEAST_PAIR = 3
"""How many texts a pair must occur in: weights of rarer pairs would only fit those texts."""

TokenRow = list[int]


@dataclass(frozen=True, kw_only=True, slots=True)
class Features:
    """The columns of a text: the vocabulary first, then words that it holds in pieces, then pairs.

    Attributes:
        limit: how many tokens of a text are read.
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
        """Return features with the words and the pairs that occur in most texts."""
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
        """The name of each column in the table of tokens."""
        names = list(self.pieces.vocabulary)
        names += [self.pieces.spelled(word) for word in self.words]
        return names + [names[one] + " " + names[other] for one, other in self.pairs]

    def rows(self, texts: Sequence[str]) -> Iterator[TokenRow]:
        """Yield the columns of each text's tokens, in order, without pairs."""
        for text in self.pieces.words(texts):
            row: TokenRow = []
            for word in text:
                whole = self.words.get(word)
                row += word if whole is None else (whole,)
            yield row[: self.limit]

    def matrix(self, texts: Sequence[str], bias: int) -> sparse.csr_matrix:
        """Return the counts of each text's features, over the root of how many there are.

        A sum of n unrelated vectors has a length of about root n. Scaled like this, the sums of
        short and of long texts come out at about length 1, as the model's own vectors do.

        Args:
            texts: the rows.
            bias: the column that every text counts once.
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
    """Return whether SQL would look a word up whole: not if its spelling is a token already."""
    spelled = pieces.spelled(word)
    return len(spelled) <= LONGEST_WORD and spelled not in pieces.tokenizer.get_vocab()
