"""What a chunker's spec takes, and what it becomes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias, cast

import pytest

from embeddb.errors import ConfigurationError
from embeddb.schema.chunkers import ChunkerKind, ChunkerSpec

Value: TypeAlias = str | Mapping[str, Any] | list[str]


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
        ({"kind": "text", "size": 3}, "Unknown chunker setting size"),
        ({"kind": "text", "max_tokens": 0}, "at least 1"),
        ({"kind": "text", "max_tokens": "9"}, "whole number"),
        ({"kind": "text", "max_tokens": True}, "whole number"),
        ({"kind": "text", "overlap": -1}, "at least 0"),
        ({"kind": "text", "max_tokens": 10, "overlap": 6}, "set overlap to 5 or less"),
        ({"kind": "text", "overlap": 200}, "set overlap to 127 or less"),
        ({"kind": "text", "max_tokens": 300}, "set max_tokens to 254 or less"),
        (["text"], "'text'\\] is neither"),
        ({"kind": ["text"]}, "Unknown chunker"),
    ],
)
def test_a_wrong_value_names_the_remedy(value: Value, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        ChunkerSpec.from_json(cast(str, value)).resolved(254)
