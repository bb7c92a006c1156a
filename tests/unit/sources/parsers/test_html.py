"""The text of a page: all of it, and little of what surrounds it."""

from __future__ import annotations

import warnings
from pathlib import Path

import pytest

from embeddb.sources import Files
from embeddb.sources.parsers.html import html_text
from tests.support.sources import put, read, skipped

HOURS = "The office opens at nine and closes at five."
LONG = " ".join([HOURS] * 8)


def text(body: str) -> str:
    return html_text(f"<!doctype html><html><body>{body}</body></html>").text


@pytest.mark.parametrize(
    "body",
    [
        f"<form id='aspnetForm' method='post'><h1>Hours</h1><p>{HOURS}</p></form>",
        f"<form><form><div>{LONG}</div></form></form>",
        f"<main id='app'></main><div><p>{HOURS}</p></div>",
        f"<div role='main'></div><p>{HOURS}</p>",
        f"<main hidden></main><main><p>{HOURS}</p></main>",
        f"<main><p>{HOURS}</p></main><main><p>Second.</p></main>",
        f"<main><h1>Welcome</h1></main><section><p>{LONG}</p></section>",
        f"<form><input name=q><button>Search</button></form><p>{HOURS}</p>",
        f"<div style='display: none'><p>{HOURS}</p></div>",
        f"<nav>menu</nav><div hidden><p>{LONG}</p></div>",
        f"<header><h1>Guide</h1><p>{HOURS}</p></header><p>More.</p>",
        f"<header><p>{LONG}</p></header><p>{LONG} {LONG}</p>",
        f"<article><header>{HOURS}</header><p>Text.</p></article>",
        f"<article><p>Text.</p><footer>{HOURS}</footer></article>",
        f"<h2>Question</h2><div role='tabpanel' hidden><p>{HOURS}</p></div><p>{LONG}</p>",
        f"<div hidden='until-found'>{HOURS}</div><p>{LONG}</p>",
        f"<details><summary>More</summary>{HOURS}</details>",
        f"<dialog open>{HOURS}</dialog>",
        f"<frameset></frameset>{HOURS}",
        f"<p>{HOURS}",
        HOURS,
    ],
)
def test_no_text_is_lost(body: str) -> None:
    assert HOURS in text(body)


@pytest.mark.parametrize(
    "body",
    [
        "<nav>gone</nav>",
        "<div role='navigation'>gone</div>",
        "<form role='search'><label>gone</label><input></form>",
        "<form><label>gone</label><input type=password><button>gone</button></form>",
        "<div hidden>gone</div>",
        "<span aria-hidden='true'>gone</span>",
        "<p style='color: red; display:none'>gone</p>",
        "<div class='sphinxsidebar'><h3>gone</h3><p>gone</p></div>",
        "<div class='related'><h3>gone</h3></div>",
        "<header><a href='/'>gone</a></header>",
        "<footer><p>gone, all rights reserved</p></footer>",
        "<div role='contentinfo'>gone</div>",
        "<button>gone</button>",
        "<noscript>gone</noscript>",
        "<select><option>gone</option></select>",
        "<!-- gone -->",
        "<table><tr><td><a href='a'>Prev</a></td><td>Up</td><td>Next</td></tr>"
        "<tr><td>gone</td></tr></table>",
        "<table><tr><th colspan=3>gone: a chapter with a long title of its own</th></tr>"
        "<tr><td><a href='a'>Prev</a></td><td><a href='u'>Up</a></td><td>Next</td></tr></table>",
        "<div class='header'><p>Next: <a href='b'>gone</a>, Previous: <a href='a'>gone</a>, Up: "
        "<a href='t'>gone</a> &nbsp; [<a href='c'>Contents</a>][<a href='i'>Index</a>]</p></div>",
        "<ul><li><a href='a'>« Previous</a></li><li><a href='b'>Next »</a></li></ul>",
    ],
)
def test_what_surrounds_the_text_is_left_out(body: str) -> None:
    assert text(f"{body}<h1>Hours</h1><p>{LONG}</p>{body}") == f"# Hours\n\n{LONG}"


def test_prose_about_buttons_is_no_navigation() -> None:
    prose = "Press <b>Next</b> or <b>Previous</b>, or go up with <a href='k'>the arrow keys</a>."
    assert "arrow keys" in text(f"<p>{prose} {HOURS}</p>")


@pytest.mark.parametrize("mark", ["¶", "#", "§", "🔗"])
def test_links_of_headings_to_themselves_are_left_out(mark: str) -> None:
    body = f"<h2 id='a'>Setup<a class='headerlink' href='#a'>{mark}</a></h2><p>C# and § 5.</p>"
    assert text(body) == "## Setup\n\nC# and § 5."


def test_a_question_that_is_a_button_stays() -> None:
    assert "Why?" in text("<h3><button>Why?</button></h3><p>Because.</p>")


def test_a_listing_keeps_its_lines() -> None:
    body = "<pre><span>def</span> <span>f</span>():\n    <span>return</span> 1\n</pre>"
    assert "def f():\n    return 1" in text(body)


def test_the_title_is_that_of_the_page_or_its_heading(tmp_path: Path) -> None:
    def title(head: str, body: str) -> object:
        put(tmp_path / "a.html", f"<html><head>{head}</head><body>{body}</body></html>")
        return read(Files(tmp_path))[0]["a.html"].metadata.get("title")

    picture = "<svg><title>icon</title></svg>"
    assert title("<title> A \n page </title>", picture + "<h1>H</h1>") == "A page"
    assert title("", picture + "<h2>Two</h2><h1>H</h1>") == "H"
    assert title("<title></title>", "<h1>H</h1>") == "H"
    assert title("", "Text.") is None
    assert title("<title>A&#xD800;B</title>", "Text.") == "A\ufffdB"


@pytest.mark.parametrize(
    "markup",
    [
        '<?xml version="1.0" encoding="UTF-8" standalone="no"?>\n<!DOCTYPE html PUBLIC "-//W3C//'
        'DTD XHTML 1.0 Strict//EN" "x.dtd"><html xmlns="http://www.w3.org/1999/xhtml"><head><title>T'
        "</title></head><body><p>Text.</p></body></html>",
        '\ufeff<?xml version="1.0"?><?xml-stylesheet href="a.xsl"?><html><p>Text.</p></html>',
        '<?xml version="1.0"?><rss><p>Text.</p></rss>',
        "Text.",
        "text.html",
        "https://example.org/Text.",
    ],
)
def test_no_library_warns(tmp_path: Path, markup: str) -> None:
    put(tmp_path / "a.html", markup)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        document = read(Files(tmp_path))[0]["a.html"]
    assert caught == []
    assert "ext." in (document.content or "") or document.content == "text.html"
    assert "xml" not in (document.content or "")


@pytest.mark.parametrize(
    "data",
    [
        b'<meta charset="iso-8859-1"><p>K\xe4se</p>',
        b'<meta http-equiv="Content-Type" content="text/html; charset=windows-1252"><p>K\xe4se</p>',
        b'<?xml version="1.0" encoding="ISO-8859-1"?><html><p>K\xe4se</p></html>',
        "<p>Käse</p>".encode(),
        "<p>Käse</p>".encode("utf-16"),
        '<meta charset="utf-16"><p>Käse</p>'.encode(),
        '<meta charset="klingon"><p>Käse</p>'.encode(),
        b'<meta charset="utf-8"><p>K\xe4se</p>',
        b"<p>K\xe4se</p>",
    ],
)
def test_a_page_is_decoded_as_browsers_do(tmp_path: Path, data: bytes) -> None:
    put(tmp_path / "a.html", data)
    assert read(Files(tmp_path))[0]["a.html"].content == "Käse"


def test_the_encoding_given_is_that_of_pages_that_declare_none(tmp_path: Path) -> None:
    put(tmp_path / "a.html", "<p>Сыр</p>".encode("koi8-r"))
    assert read(Files(tmp_path, encoding="koi8-r"))[0]["a.html"].content == "Сыр"


def test_a_zero_byte_does_not_cut_a_page() -> None:
    assert text("<p>One.\0</p><p>Two.</p>") == "One.\ufffd\n\nTwo."


def test_a_page_nested_deeper_than_the_parser_goes_fails(tmp_path: Path) -> None:
    put(tmp_path / "a.html", "<div>" * 3_000 + "text")
    documents, (failure,) = read(Files(tmp_path))
    assert (documents, failure.error) == ({}, "UnreadableDocumentError")


def test_a_page_nested_as_deep_as_some_tools_write_is_read(tmp_path: Path) -> None:
    put(tmp_path / "a.html", "<font><i>" * 150 + "text" + "<div>" * 150 + "more")
    content = read(Files(tmp_path))[0]["a.html"].content or ""
    assert "text" in content and "more" in content


@pytest.mark.parametrize("markup", ["", " ", "<html></html>", "<script>1</script>", "<!-- a -->"])
def test_a_page_without_text_is_empty(tmp_path: Path, markup: str) -> None:
    put(tmp_path / "a.html", markup)
    assert skipped(Files(tmp_path)) == {"a.html": "empty"}


def test_a_pipe_in_a_cell_does_not_end_it() -> None:
    inner = "<table><tr><td>x|y</td></tr></table>"
    page = f"<p>a|b</p><table><tr><th>k|<b>m</b>|n</th></tr><tr><td>{inner}</td></tr></table>c|d"
    text = html_text(page).text
    assert "a|b" in text and "c|d" in text
    assert r"k\|**m**\|n" in text and r"x\|y" in text
