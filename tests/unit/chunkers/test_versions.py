"""Version 1 of the chunkers cuts as it always did: collections that were made by it go on so."""

from __future__ import annotations

import hashlib
import random

import pytest

from embeddb.chunkers import make_chunker
from tests.support.tokenizers import word_piece

PIECES = [
    *("The quick brown fox. ", "word ", "\r\n", "\n\n", "\r", "   \t", "# Heading\n"),
    *("## Another\n\n", "```\ncode\n```\n", "Title\n=====\n", "x" * 300, "漢字かな交じり文。"),
    *(
        "def f(x):\n    return x\n\n\n",
        "class A:\n    def g(self):\n        if x:\n            pass\n",
    ),
    *("👨‍👩‍👧‍👦🏽🇺🇳", "e\u0301\u0323o\u0308", "שלום עולם. مرحبا؟ ", "a,b;c:d/e_f", "\f", "----\n"),
    *("- item one\n  more\n", "| a | b |\n|---|---|\n| 1 | 2 |\n", "Intro ....... 7\n"),
    *("Prev | Up | Next\n", "Part\n----\n", "= Title\n"),
]
SPANS = {
    ("auto", "text/plain"): ("cbb97fa0c87063b1", "959d4768ddf1b79d"),
    ("auto", "text/markdown"): ("e862db9bb51c9d8f", "8fc4ab9584d77618"),
    ("auto", "text/x-python"): ("429f963026b8bafe", "6816db1e14a5c7ec"),
    ("auto", "text/x-rst"): ("cbb97fa0c87063b1", "959d4768ddf1b79d"),
    ("auto", "application/epub+zip"): ("cbb97fa0c87063b1", "959d4768ddf1b79d"),
    ("text", None): ("cbb97fa0c87063b1", "959d4768ddf1b79d"),
    ("markdown", None): ("e862db9bb51c9d8f", "8fc4ab9584d77618"),
    ("code", None): ("d0406cd627f2ab90", "d16e79c571e8d55a"),
}
"""A digest of where the chunks of the samples started and stopped before there was a version 2."""


@pytest.mark.parametrize(("kind", "media_type"), SPANS)
@pytest.mark.parametrize("is_measured", [True, False])
def test_version_one_cuts_as_before(kind: str, media_type: str | None, is_measured: bool) -> None:
    chosen = random.Random(4)
    digest = hashlib.sha256()
    tokenizer = word_piece() if is_measured else None
    for overlap in (None, 0, 7):
        spec = {"kind": kind, "max_tokens": 17, "overlap": overlap, "version": 1}
        chunker = make_chunker(spec, tokenizer)
        for _ in range(40):
            text = "".join(chosen.choices(PIECES, k=chosen.randint(1, 30)))
            for chunk in chunker.chunks(text, media_type):
                assert chunk.content == text[chunk.start : chunk.stop]
                digest.update(f"{chunk.start} {chunk.stop} ".encode())
    found = digest.hexdigest()[:16]
    assert found == SPANS[kind, media_type][0 if is_measured else 1]
