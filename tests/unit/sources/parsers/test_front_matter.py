"""Front matter becomes metadata, and what is none stays in the text."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from embeddb.records import Document
from embeddb.sources import Files
from tests.support.sources import put, read


def page(tmp_path: Path, text: str | bytes, name: str = "a.md") -> Document:
    documents, failures = read(Files(put(tmp_path / name, text)))
    assert failures == []
    return documents[name]


def test_yaml_above_a_page_becomes_metadata(tmp_path: Path) -> None:
    document = page(
        tmp_path,
        "---\ntitle: Files in Templates\ndate: 2024-01-02\nupdated: 2024-01-02T03:04:05Z\n"
        "tags: [helm, charts]\nweight: 7\ndraft: false\nmenu:\n  main: {order: 1}\n2020: a year\n"
        "---\n\n# Heading\n\nText.\n",
    )
    assert document.content == "# Heading\n\nText.\n"
    assert document.metadata == {
        "path": "a.md",
        "title": "Files in Templates",
        "date": "2024-01-02",
        "updated": "2024-01-02T03:04:05+00:00",
        "tags": ["helm", "charts"],
        "weight": 7,
        "draft": False,
        "menu": {"main": {"order": 1}},
        "2020": "a year",
    }


def test_toml_above_a_page_becomes_metadata(tmp_path: Path) -> None:
    document = page(tmp_path, "+++\ntitle = 'A page'\ndate = 1979-05-27\nn = 1.5\n+++\nText.\n")
    assert document.content == "Text.\n"
    assert document.metadata == {
        "path": "a.md",
        "title": "A page",
        "date": "1979-05-27",
        "n": 1.5,
    }


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("no", "no"),
        ("on", "on"),
        ("12:30", "12:30"),
        ("007", "007"),
        ("0x1F", "0x1F"),
        ("1_000", "1_000"),
        ("99999999999999999999999", "99999999999999999999999"),
        (".nan", ".nan"),
        ("true", True),
        ("-3", -3),
        ("1.5e3", 1500.0),
        ("~", None),
        ("", None),
        ('"5"', "5"),
    ],
)
def test_a_value_is_what_it_looks_like(tmp_path: Path, written: str, value: object) -> None:
    found = page(tmp_path, f"---\nkey: {written}\n---\nText.").metadata["key"]
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("closing", ["---", "..."])
def test_line_ends_marks_and_a_byte_order_mark_do_not_matter(
    tmp_path: Path, end: str, closing: str
) -> None:
    text = end.join(["---", "title: A page", closing, "", "Text."])
    assert page(tmp_path, "\ufeff" + text).content == "Text."
    assert page(tmp_path, text).metadata["title"] == "A page"


def test_the_path_is_the_files_own(tmp_path: Path) -> None:
    assert page(tmp_path, "---\npath: /elsewhere\n---\nText.").metadata == {"path": "a.md"}


@pytest.mark.parametrize(
    ("block", "why"),
    [
        ("title: a: b", "mapping values are not allowed"),
        ("a: &x [1]\nb: *x", "aliases"),
        ("a: !!python/object:os.system x", "could not determine a constructor"),
        ("date: 2024-13-45", "month must be in 1..12"),
        ("a: " + "[" * 1_000, ""),
        ("a: " + "{b: " * 30 + "1" + "}" * 30, "nested more than 20 deep"),
    ],
)
def test_front_matter_that_cannot_be_read_stays_and_says_why(
    tmp_path: Path, block: str, why: str
) -> None:
    text = f"---\n# generated\n{block}\n---\n\n# Heading\n\nText.\n"
    document = page(tmp_path, text)
    assert document.content == text
    assert why in document.metadata["front_matter_error"]
    assert document.metadata["title"] == "Heading"


@pytest.mark.parametrize(
    "text",
    [
        "---\nSome prose between rules.\n---\nMore.",
        "---\n- a list\n---\nMore.",
        "---\nnot: closed\n",
        "Text.\n\n---\ntitle: too late\n---\n",
        "---\n" + "a: b\n" * 20_000 + "---\nText.",
    ],
)
def test_what_is_no_front_matter_stays_in_the_text(tmp_path: Path, text: str) -> None:
    document = page(tmp_path, text)
    assert document.content == text
    assert document.metadata == {"path": "a.md"}


def test_comments_alone_are_front_matter_too(tmp_path: Path) -> None:
    document = page(tmp_path, "---\n# generated\n---\nText.")
    assert (document.content, document.metadata) == ("Text.", {"path": "a.md"})


def test_a_heading_between_two_rules_stays_in_the_text(tmp_path: Path) -> None:
    text = "---\n\n# Heading\n\n---\nText."
    document = page(tmp_path, text)
    assert (document.content, document.metadata["title"]) == (text, "Heading")
    assert page(tmp_path, "---\n\n---\nText.").content == "Text."


@pytest.mark.parametrize("title", ["[a, b]", "{a: b}", "", "false"])
def test_a_title_that_is_no_text_gives_way_to_the_heading(tmp_path: Path, title: str) -> None:
    document = page(tmp_path, f"---\ntitle: {title}\n---\n# Heading\n")
    assert document.metadata["title"] == "Heading"


def test_a_number_as_title_is_text(tmp_path: Path) -> None:
    assert page(tmp_path, "---\ntitle: 1984\n---\nText.").metadata["title"] == "1984"


def test_html_may_have_front_matter(tmp_path: Path) -> None:
    text = "---\nlayout: default\ntitle: Home\n---\n<p>Text.</p>"
    document = page(tmp_path, text, "a.html")
    assert document.content == "Text."
    assert document.metadata == {"path": "a.html", "title": "Home", "layout": "default"}


def test_a_plain_text_has_no_front_matter(tmp_path: Path) -> None:
    text = "---\ntitle: A page\n---\nText."
    assert page(tmp_path, text, "a.txt").content == text


def test_what_postgres_cannot_store_is_repaired(tmp_path: Path) -> None:
    found: dict[str, Any] = dict(
        page(tmp_path, '---\ntitle: "A\\0B"\n"k\\0": ["\\uD83D", {a: "\\0"}]\n---\nText.').metadata
    )
    assert found["title"] == "A\ufffdB"
    assert found["k\ufffd"] == ["\ufffd", {"a": "\ufffd"}]
