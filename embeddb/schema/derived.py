"""What an index may be built on instead of the stored column: something smaller, made from it.

The nearest by the smaller thing are candidates; they are rescored by what is stored.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from embeddb.errors import IndexSpecError

DerivedKind = Literal["halfvec", "bit", "subvector", "pca"]

_WORD = re.compile(r"(?:(halfvec)|(bit)([23])?|(subvector|pca):([1-9][0-9]{0,4}))\Z")

KNOWN = 'halfvec, bit, bit2, bit3, subvector:N, pca:N (N dimensions, as in "subvector:256")'


@dataclass(frozen=True, kw_only=True, slots=True)
class Derived:
    """A smaller form of the stored vectors.

    Attributes:
        kind: `bit` covers sign bits (one level) and thermometer codes (two or three levels:
            as many thresholds a dimension, and a bit for each that the value exceeds).
        levels: bits a dimension.
        dim: leading dimensions kept; None: all.
    """

    kind: DerivedKind
    levels: int = 1
    dim: int | None = None

    @classmethod
    def parse(cls, word: str) -> Derived:
        """Return what `on=` asks for.

        Raises:
            IndexSpecError: an unknown word.
        """
        match = _WORD.match(word) if isinstance(word, str) else None
        if match is None:
            raise IndexSpecError(f"An index cannot be on {word!r}; there are {KNOWN}.")
        if match[1]:
            return cls(kind="halfvec")
        if match[2]:
            return cls(kind="bit", levels=int(match[3] or 1))
        kind: DerivedKind = "pca" if match[4] == "pca" else "subvector"
        return cls(kind=kind, dim=int(match[5]))

    @property
    def oversample(self) -> float:
        """Candidates for each row asked for, by default.

        docs/benchmarks.md has the recall that was measured with them.
        """
        if self.kind == "halfvec":
            return 1.0
        if self.kind == "bit":
            return {1: 20.0, 2: 10.0, 3: 6.0}[self.levels]
        return 10.0

    @property
    def has_thresholds(self) -> bool:
        """Whether thresholds are learned from a sample when the index is built."""
        return self.kind == "bit" and self.levels > 1
