"""What a chunker's spec takes, and what it becomes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePath
from typing import Any, TypeAlias, cast

import pytest

from embeddb.chunkers import (
    AutoChunker,
    ChunkerKind,
    ChunkerSpec,
    CodeChunker,
    MarkdownChunker,
    TextChunker,
    WholeDocument,
    make_chunker,
)
from embeddb.errors import ConfigurationError
from embeddb.sources.formats import media_type_of
from tests.support.tokenizers import word_piece

Value: TypeAlias = str | Mapping[str, Any] | list[str]


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


def test_a_spec_survives_json() -> None:
    spec = ChunkerSpec(kind="text", max_tokens=100, overlap=10)
    assert ChunkerSpec.from_json(spec.to_json()) == spec
    assert ChunkerSpec.from_json("markdown") == ChunkerSpec(kind="markdown")


@pytest.mark.parametrize(
    ("kind", "capacity", "max_tokens", "overlap"),
    [
        ("text", 254, 254, 31),
        ("text", 8190, 512, 64),
        ("text", None, 512, 64),
        ("markdown", 254, 254, 0),
        ("code", 254, 254, 0),
        ("auto", 254, 254, None),
        ("none", 254, None, None),
    ],
)
def test_defaults_follow_the_model(
    kind: ChunkerKind, capacity: int | None, max_tokens: int | None, overlap: int | None
) -> None:
    resolved = ChunkerSpec(kind=kind).resolved(capacity)
    assert (resolved.max_tokens, resolved.overlap) == (max_tokens, overlap)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("paragraphs", "auto, none, text, markdown, code"),
        ({"kind": "text", "size": 3}, "unknown chunker setting size"),
        ({"kind": "text", "max_tokens": 0}, "at least 1"),
        ({"kind": "text", "max_tokens": "9"}, "whole number"),
        ({"kind": "text", "max_tokens": True}, "whole number"),
        ({"kind": "text", "overlap": -1}, "at least 0"),
        ({"kind": "text", "max_tokens": 10, "overlap": 6}, "set overlap to 5 or less"),
        ({"kind": "text", "overlap": 200}, "set overlap to 127 or less"),
        ({"kind": "text", "max_tokens": 300}, "set max_tokens to 254 or less"),
        (["text"], "not list"),
        ({"kind": ["text"]}, "unknown chunker"),
    ],
)
def test_a_wrong_value_names_the_remedy(value: Value, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        make_chunker(cast(str, value), word_piece(), 254)


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
