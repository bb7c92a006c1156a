"""Short pieces of texts: they look like queries, and there are more of them than texts."""

from __future__ import annotations

import random
from collections.abc import Sequence

LENGTHS = (1, 2, 2, 3, 3, 4, 4, 5, 6, 7, 8, 9, 10, 12)
"""Numbers of words of a span: queries are short, most of them of two to five words."""

LONG_ENOUGH = (3, 4, 5, 6, 7, 8, 9, 10, 12)
"""Numbers of words of a held-out query: fewer words seldom show which text they are from."""

_AROUND = ".,;:()[]\"'`*_"
_TRIES = 4


def spans(
    texts: Sequence[str], count: int, *, seed: int, lengths: Sequence[int] = LENGTHS
) -> list[tuple[int, str]]:
    """Return distinct random spans of words, each with the number of its text.

    There are fewer than `count` where the texts have no more.
    """
    draw = random.Random(seed)
    words = [text.split() for text in texts]
    known = [number for number, found in enumerate(words) if found]
    drawn: dict[str, int] = {}
    for _ in range(_TRIES * count if known else 0):
        number = draw.choice(known)
        length = min(len(words[number]), draw.choice(lengths))
        start = draw.randrange(len(words[number]) - length + 1)
        span = " ".join(words[number][start : start + length]).strip(_AROUND)
        if span.strip():
            drawn.setdefault(span, number)
        if len(drawn) >= count:
            break
    return [(number, span) for span, number in drawn.items()]
