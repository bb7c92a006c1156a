"""What a chunk knows of its place, and what is put before it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer

from embeddb.chunkers import make_chunker, with_context
from embeddb.records import Chunk
from tests.support.tokenizers import byte_pairs, count, unigram, word_piece

BODY = "The river is high today and boats stay at the quay because nobody minds the rain. " * 4
GUIDE = f"# Guide\n\nIntro.\n\n## Install\n\n### Linux\n\n{BODY}\n\n## Use\n\n{BODY}\n"
CLASS = '''import os


class Store:
    """Keeps things."""

    def search(self, query: str) -> list[str]:
        """Find what is near."""
        first = [query, query, query, query, query, query, query, query, query]
        other = [query, query, query, query, query, query, query, query, query]
        return first + other

    async def close(
        self,
    ) -> None:
        pass


def main() -> None:
    Store()
'''


def cut(
    text: str, media_type: str, max_tokens: int = 60, title: str | None = None, **options: object
) -> list[Chunk]:
    chunker = make_chunker({"kind": "auto", "max_tokens": max_tokens, **options}, word_piece())
    return chunker.chunks(text, media_type, title=title)  # type: ignore[call-arg]


def containing(chunks: list[Chunk], words: str) -> Chunk:
    return next(chunk for chunk in chunks if words in chunk.content)


def test_a_chunk_knows_the_headings_above_it() -> None:
    chunks = cut(GUIDE, "text/markdown")
    assert chunks[0].metadata["headings"] == ["Guide"]
    install = [chunk for chunk in chunks if "Install" in chunk.metadata["headings"]]
    assert len(install) > 1
    assert {tuple(chunk.metadata["headings"]) for chunk in install} == {
        ("Guide", "Install", "Linux")
    }
    assert chunks[-1].metadata["headings"] == ["Guide", "Use"]


def test_the_context_is_what_stands_above_and_not_in_the_chunk() -> None:
    chunks = cut(GUIDE, "text/markdown", title="A title")
    linux = containing(chunks, "### Linux")
    assert linux.context == "A title › Guide"
    after = chunks[chunks.index(linux) + 1]
    assert after.context == "A title › Guide › Install › Linux"
    assert chunks[0].context == "A title"


@pytest.mark.parametrize("title", ["Guide", " guide ", None, ""])
def test_a_title_that_is_the_first_heading_is_not_said_twice(title: str | None) -> None:
    chunks = cut(GUIDE, "text/markdown", title=title)
    assert chunks[0].context == ""
    assert chunks[-1].context == "Guide › Use"


def test_a_title_is_the_context_of_prose() -> None:
    chunks = cut(BODY, "text/plain", title="Rain")
    assert {chunk.context for chunk in chunks} == {"Rain"}
    assert cut("Rain\n\n" + BODY, "text/plain", title="Rain")[0].context == ""
    assert cut("Rains\n\n" + BODY, "text/plain", title="Rain")[0].context == "Rain"


def test_context_none_puts_nothing_before_chunks() -> None:
    chunks = cut(GUIDE, "text/markdown", title="A title", context="none")
    assert {chunk.context for chunk in chunks} == {""}
    assert chunks[-1].metadata["headings"] == ["Guide", "Use"]


def test_version_one_knows_nothing_of_places() -> None:
    chunks = cut(GUIDE, "text/markdown", title="A title", version=1)
    assert all(not chunk.metadata and not chunk.context for chunk in chunks)


def test_headings_are_named_without_their_marks() -> None:
    text = "## The `code` of [a link](b.md) {#anchor} ##\n\nWords.\n\n*Big* title\n===\n\nMore."
    chunks = cut(text, "text/markdown", 24)
    assert containing(chunks, "Words.").metadata["headings"] == ["The code of a link"]
    assert containing(chunks, "More.").metadata["headings"] == ["Big title"]


def test_comments_in_code_are_no_headings() -> None:
    text = f"# A\n\n{BODY}\n\n```sh\n# not a heading\nls\n```\n\n{BODY}"
    assert {tuple(chunk.metadata["headings"]) for chunk in cut(text, "text/markdown")} == {("A",)}


def test_a_chunk_of_code_knows_its_symbol() -> None:
    chunks = cut(CLASS, "text/x-python", 40)
    assert "symbol" not in chunks[0].metadata
    assert containing(chunks, "def search").metadata["symbol"] == "Store.search"
    rest = containing(chunks, "return first + other")
    assert rest.metadata["symbol"] == "Store.search"
    assert containing(chunks, "def main").metadata["symbol"] == "main"


def test_the_context_of_code_is_its_class_and_signature() -> None:
    long = CLASS.replace(
        "        return", "        query = [query, query, query]\n" * 20 + "        return"
    )
    chunks = cut(long, "text/x-python", 100)
    rest = containing(chunks, "return first + other")
    assert rest.context == "class Store › def search(self, query: str) -> list[str]"
    assert containing(cut(CLASS, "text/x-python", 40), "def search").context == "class Store"
    assert containing(cut(CLASS, "text/x-python", 40), "def main").context == ""


@pytest.mark.parametrize(
    ("media_type", "text", "symbol"),
    [
        ("text/javascript", "class Big {\n  twice(a) {\n    return a;\n  }\n}\n", "Big.twice"),
        (
            "text/x-typescript",
            "export class Big {\n  twice(a) {\n    return a;\n  }\n}\n",
            "Big.twice",
        ),
        ("text/x-java", "class Big {\n  int twice(int a) {\n    return a;\n  }\n}\n", "Big.twice"),
        ("text/x-go", "func (b *Big) Twice(a int) int {\n\treturn a\n}\n", "Big.Twice"),
        (
            "text/x-rust",
            "impl Big {\n    fn twice(a: i32) -> i32 {\n        a\n    }\n}\n",
            "Big.twice",
        ),
        ("text/x-c", "int *twice(int a) {\n  return a;\n}\n", "twice"),
        ("text/x-ruby", "class Big\n  def twice(a)\n    a\n  end\nend\n", "Big.twice"),
        ("text/x-sh", "twice() {\n  echo one\n}\n", "twice"),
    ],
)
def test_symbols_of_other_languages(media_type: str, text: str, symbol: str) -> None:
    long = text.replace("  return a;", "  return a;\n" * 30).replace("  a\n", "  a\n" * 40)
    long = long.replace("\treturn a", "\treturn a\n" * 30).replace("echo one", "echo one\n" * 20)
    assert cut(long, media_type, 30)[-1].metadata["symbol"] == symbol


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_lines_are_counted_from_one(newline: str) -> None:
    text = newline.join(f"line number {n}." for n in range(1, 60))
    for chunk in cut(text, "text/plain", 40, overlap=12):
        words = chunk.content.replace(newline, " ").split()
        numbers = [int(word[:-1]) for word in words if word[:-1].isdecimal()]
        first, last = chunk.metadata["lines"]
        assert first <= numbers[0] <= numbers[-1] == last


def test_a_text_of_one_line_says_no_lines() -> None:
    assert cut("Just this.", "text/plain")[0].metadata == {}


def test_pages_are_counted_from_form_feeds() -> None:
    text = f"One.\fTwo.\f\f{BODY}"
    pages = [chunk.metadata["page"] for chunk in cut(text, "application/pdf")]
    assert pages == [1, 2, *[4] * (len(pages) - 2)]


@pytest.mark.parametrize(
    ("media_type", "text"),
    [
        (
            "text/x-rst",
            f"=====\nTitle\n=====\n\nPart\n----\n\n{BODY}\n\n"
            f"Other ``part``\n--------------\n\n{BODY}",
        ),
        ("text/x-rst", f"Title\n#####\n\nOther part\n**********\n\n{BODY}"),
        (
            "text/asciidoc",
            f"= Title\n\n== Part\n\n----\n== code\n----\n\n{BODY}\n\n== Other part\n\n{BODY}",
        ),
        ("message/rfc822", f"# Title\n\n## Other part\n\n{BODY}"),
        ("application/epub+zip", f"# Title\n\n## Other part\n\n{BODY}"),
        ("application/mbox", f"# Title\n\n## Other part\n\n{BODY}"),
    ],
)
def test_headings_of_other_markup(media_type: str, text: str) -> None:
    last = cut(text, media_type)[-1]
    assert last.metadata["headings"][0] == "Title"
    assert last.metadata["headings"][1].startswith("Other")
    assert len(last.metadata["headings"]) == 2


def test_a_long_context_loses_its_outer_headings() -> None:
    text = f"# {'outer ' * 12}\n\n## Inner\n\n{BODY}"
    assert cut(text, "text/markdown", 60)[-1].context == "Inner"


@pytest.mark.parametrize("tokenizer_of", [word_piece, byte_pairs, unigram, lambda: None])
@settings(max_examples=60, deadline=None)
@given(
    pieces=st.lists(
        st.one_of(
            st.text(st.characters(exclude_categories=["Cs"]), max_size=30),
            st.sampled_from(
                ["# One\n", "\n## Two words\n\n", "### Three\n", BODY, "\f", "漢字かな。", "x" * 90]
            ),
        ),
        max_size=20,
    ),
    title=st.one_of(st.none(), st.text(max_size=40)),
)
def test_a_chunk_fits_together_with_its_context(
    tokenizer_of: Callable[[], Tokenizer | None], pieces: list[str], title: str | None
) -> None:
    tokenizer = tokenizer_of()
    spec = {"kind": "auto", "max_tokens": 32}
    text = "".join(pieces)
    chunker: Any = make_chunker(spec, tokenizer)
    for chunk in chunker.chunks(text, "text/markdown", title=title):
        assert text[chunk.start : chunk.stop] == chunk.content
        whole = with_context(chunk.context, chunk.content)
        assert len(chunk.content) == 1 or count(tokenizer, whole) <= 32
