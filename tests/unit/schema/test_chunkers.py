"""What a chunker's spec takes, and what it becomes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias, cast

import pytest

from embeddb.errors import ConfigurationError
from embeddb.schema.chunkers import VERSION, ChunkerKind, ChunkerSpec

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


def test_a_stored_spec_without_a_version_is_of_the_first() -> None:
    before = {"kind": "text", "max_tokens": 100, "overlap": None}
    spec = ChunkerSpec.stored(before)
    assert (spec.version, spec.resolved(254).context) == (1, "none")
    assert spec.to_json() == before
    assert spec.short() == {"kind": "text", "max_tokens": 100, "version": 1}
    assert ChunkerSpec.parse(spec.short()) == spec


def test_a_new_spec_is_of_the_newest_version_and_says_so() -> None:
    spec = ChunkerSpec.parse("auto")
    assert (spec.version, spec.resolved(254).context) == (VERSION, "headings")
    assert ChunkerSpec.stored(spec.to_json()) == spec
    assert spec.short() == "auto"
    assert ChunkerSpec.parse({"kind": "auto", "context": "none"}).short() == {
        "kind": "auto",
        "context": "none",
    }


@pytest.mark.parametrize(
    ("asked", "there", "is_met"),
    [
        ({}, {"version": 1}, True),
        ({"context": "none"}, {"version": 1}, True),
        ({"context": "headings"}, {"version": 1}, False),
        ({"max_tokens": 9}, {"version": 1}, False),
        ({"version": 1}, {}, False),
        ({}, {"context": "headings"}, True),
        ({"context": "headings"}, {}, True),
        ({}, {"context": "none"}, False),
        ({"context": "none"}, {}, False),
    ],
)
def test_an_older_collection_meets_what_does_not_ask_for_the_newer(
    asked: dict[str, Any], there: dict[str, Any], is_met: bool
) -> None:
    assert ChunkerSpec(**asked).is_met_by(ChunkerSpec(**there)) is is_met


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"kind": "auto", "context": "all"}, "choose one of headings, none"),
        ({"kind": "auto", "version": 3}, "version 1 to 2"),
        ({"kind": "auto", "version": 1, "context": "headings"}, "has no context"),
        ({"kind": "auto", "contexts": "none"}, "max_tokens, overlap, context and version"),
    ],
)
def test_a_wrong_context_names_the_remedy(value: Value, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        ChunkerSpec.from_json(cast(str, value))
