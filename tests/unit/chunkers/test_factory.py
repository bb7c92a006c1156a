"""Which chunker a spec gets."""

from __future__ import annotations

from pathlib import PurePath

import pytest

from embeddb.chunkers import (
    AutoChunker,
    CodeChunker,
    MarkdownChunker,
    TextChunker,
    WholeDocument,
    make_chunker,
)
from embeddb.sources.formats import media_type_of
from tests.support.tokenizers import word_piece


@pytest.mark.parametrize(
    ("kind", "chunker"),
    [
        ("auto", AutoChunker),
        ("none", WholeDocument),
        ("text", TextChunker),
        ("markdown", MarkdownChunker),
        ("code", CodeChunker),
    ],
)
def test_a_kind_names_its_chunker(kind: str, chunker: type) -> None:
    assert type(make_chunker(kind, word_piece(), 254)) is chunker
    assert type(make_chunker({"kind": kind})) is chunker


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("a.md", "markdown"),
        ("a.html", "markdown"),
        ("a.docx", "markdown"),
        ("a.py", "code"),
        ("a.tsx", "code"),
        ("a.kt", "code"),
        ("a.sql", "code"),
        ("a.txt", "text"),
        ("a.pdf", "text"),
        ("a.unknown", "text"),
    ],
)
def test_auto_chooses_by_the_media_type_that_files_get(name: str, kind: str) -> None:
    text = "\n\n".join(f"# Part {n}\n\nx = {n}. It is so.\n\ny = {n}\n" for n in range(40))
    media_type = media_type_of(PurePath(name))
    auto = make_chunker({"kind": "auto", "max_tokens": 40}, word_piece())
    chosen = make_chunker({"kind": kind, "max_tokens": 40}, word_piece())
    assert auto.chunks(text, media_type) == chosen.chunks(text, media_type)
