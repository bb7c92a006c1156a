"""What becomes of office files, e-books, e-mail and notebooks."""

from __future__ import annotations

import io
import json
import sys
from datetime import date, datetime
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile

import docx
import odfdo
import openpyxl
import pptx
import pytest

from embeddb.errors import MissingDependencyError, UnsupportedFormatError
from embeddb.records import Document
from embeddb.sources import Files
from embeddb.sources.parsers import archive
from tests.support.sources import pdf, put, read, saved, skipped, zipped


def only(tmp_path: Path, name: str, data: str | bytes) -> Document:
    documents, failures = read(Files(put(tmp_path / name, data)))
    assert failures == []
    return documents[name]


def slides() -> bytes:
    deck = pptx.Presentation()
    first = deck.slides.add_slide(deck.slide_layouts[1])
    first.shapes.title.text = "Quarterly\nreport"
    first.placeholders[1].text = "sales rose\ncosts fell"
    first.notes_slide.notes_text_frame.text = "Say hello first."
    deck.slides.add_slide(deck.slide_layouts[6])
    third = deck.slides.add_slide(deck.slide_layouts[5])
    third.shapes.title.text = "Numbers"
    table = third.shapes.add_table(2, 2, 0, 0, 100, 100).table
    table.cell(0, 0).text, table.cell(1, 1).text = "a|b", "x"
    group = third.shapes.add_group_shape()
    group.shapes.add_textbox(0, 0, 10, 10).text_frame.text = "in a group"
    return saved(deck)


def sheets() -> bytes:
    book = openpyxl.Workbook()
    book.active.title = "Prices"
    for row in (["item", "price", "since"], ["tea", 2.0, datetime(2024, 1, 2)], [None], ["x", 1.5]):
        book.active.append(row)
    book.active["XFD1048576"] = "far"
    book.create_sheet("Empty")
    book.create_sheet("Dates")["B3"] = date(2024, 5, 6)
    return saved(book)


def text_document() -> bytes:
    document = odfdo.Document("text")
    document.body.clear()
    document.body.append(odfdo.Paragraph("The river", style="Title"))
    document.body.append(odfdo.Header(1, "Level"))
    document.body.append(odfdo.Paragraph("It rose   by\t3 m."))
    document.body.append(odfdo.List(["one", "two"]))
    table = odfdo.Table("T", width=2, height=2)
    table.set_value("A1", "k")
    table.set_value("B2", 3)
    document.body.append(table)
    return saved(document)


def book(**more: str) -> bytes:
    return zipped(
        **{
            "mimetype": "application/epub+zip",
            "META-INF/container.xml": '<container xmlns="urn:oasis:names:tc:opendocument:xmlns:'
            'container"><rootfiles><rootfile full-path="in/book.opf"/></rootfiles></container>',
            "in/book.opf": '<package xmlns="http://www.idpf.org/2007/opf" xmlns:dc="http://purl.org'
            '/dc/elements/1.1/"><metadata><dc:title>A Tale</dc:title><dc:creator>A. Uthor'
            "</dc:creator><dc:language>en</dc:language></metadata><manifest>"
            '<item id="n" href="n.xhtml" media-type="application/xhtml+xml" properties="nav"/>'
            '<item id="b" href="b%20c.xhtml" media-type="application/xhtml+xml"/>'
            '<item id="a" href="a.xhtml" media-type="application/xhtml+xml"/></manifest>'
            '<spine><itemref idref="n"/><itemref idref="a"/><itemref idref="b"/></spine></package>',
            "in/n.xhtml": "<html><body><p>Contents</p></body></html>",
            "in/a.xhtml": '<?xml version="1.0"?><html><h1>One</h1><p>First.</p></html>',
            "in/b c.xhtml": "<html><body><h1>Two</h1><p>Second.</p></body></html>",
            **more,
        }
    )


def test_slides_become_markdown_with_a_form_feed_between_them(tmp_path: Path) -> None:
    document = only(tmp_path, "a.pptx", slides())
    content = document.content or ""
    first, second, third = content.split("\f")
    assert first == "## Quarterly report\n\n- sales rose\n- costs fell\n\nSay hello first.\n"
    assert second.strip() == ""
    assert third == "\n## Numbers\n\n| a\\|b |  |\n| --- | --- |\n|  | x |\n\nin a group"
    assert document.metadata["title"] == "Quarterly report"


def test_sheets_become_tables_without_what_is_empty(tmp_path: Path) -> None:
    assert only(tmp_path, "a.xlsx", sheets()).content == (
        "## Prices\n\n| item | price | since |  |\n| --- | --- | --- | --- |\n"
        "| tea | 2 | 2024-01-02 |  |\n| x | 1.5 |  |  |\n|  |  |  | far |\n\n"
        "## Dates\n\n| 2024-05-06 |\n| --- |"
    )


def test_an_opendocument_text_becomes_markdown(tmp_path: Path) -> None:
    document = only(tmp_path, "a.odt", text_document())
    assert document.content == (
        "# The river\n\n# Level\n\nIt rose   by\t3 m.\n\n- one\n- two\n\n"
        "| k |  |\n| --- | --- |\n|  | 3 |"
    )
    assert document.metadata["title"] == "The river"


def test_an_opendocument_sheet_does_not_repeat_what_is_empty(tmp_path: Path) -> None:
    document = odfdo.Document("spreadsheet")
    document.body.clear()
    table = odfdo.Table("Prices")
    table.set_value("A1", "tea")
    table.set_value("C900000", 3.5)
    document.body.append(table)
    content = only(tmp_path, "a.ods", saved(document)).content
    assert content == "## Prices\n\n| tea |  |\n| --- | --- |\n|  | 3.5 |"


def test_opendocument_slides_have_form_feeds_between_them(tmp_path: Path) -> None:
    document = odfdo.Document("presentation")
    document.body.clear()
    for number, kind in enumerate(("title", None, "outline")):
        slide = odfdo.DrawPage(f"p{number}")
        if kind:
            place = {"size": ("7cm", "5cm"), "position": ("1cm", "1cm")}
            frame = odfdo.Frame.text_frame(f"Text {number}", presentation_class=kind, **place)
            slide.append(frame)
        document.body.append(slide)
    found = only(tmp_path, "a.odp", saved(document))
    assert found.content == "## Text 0\n\f\n\n\f\nText 2"
    assert found.metadata["title"] == "Text 0"


def test_a_book_is_read_in_its_order(tmp_path: Path) -> None:
    document = only(tmp_path, "a.epub", book())
    assert document.content == "# One\n\nFirst.\n\n# Two\n\nSecond."
    assert document.metadata == {
        "path": "a.epub",
        "title": "A Tale",
        "author": "A. Uthor",
        "language": "en",
    }


def test_rtf_is_its_text(tmp_path: Path) -> None:
    data = rb"{\rtf1\ansi\ansicpg1252 {\b Hi} caf\'e9 \u8364?\par next}"
    assert only(tmp_path, "a.rtf", data).content == "Hi café €\nnext"


def test_a_docx_has_the_title_of_its_style(tmp_path: Path) -> None:
    file = docx.Document()
    file.add_paragraph("Preface")
    file.add_heading("Minutes & more", level=0)
    file.add_heading("First", level=1)
    assert only(tmp_path, "a.docx", saved(file)).metadata["title"] == "Minutes & more"


def test_an_email_is_its_text_and_who_wrote_it(tmp_path: Path) -> None:
    data = (
        b"From: Ann <ann@x.org>\r\nTo: bob@y.org\r\nSubject: =?utf-8?q?Caf=C3=A9?= plan\r\n"
        b"Date: Mon, 01 Jan 2024 10:00:00 +0100\r\nMIME-Version: 1.0\r\n"
        b"Content-Type: multipart/mixed; boundary=X\r\n\r\n--X\r\nContent-Type: text/html; "
        b"charset=iso-8859-1\r\n\r\n<p>K\xe4se for <b>you</b></p>\r\n--X\r\nContent-Type: "
        b"application/pdf\r\nContent-Disposition: attachment; filename=a.pdf\r\n"
        b"Content-Transfer-Encoding: base64\r\n\r\nJVBERi0=\r\n--X--\r\n"
    )
    document = only(tmp_path, "a.eml", data)
    assert document.content == "Käse for **you**\n\nAttached: a.pdf"
    assert document.metadata == {
        "path": "a.eml",
        "title": "Café plan",
        "from": "Ann <ann@x.org>",
        "to": "bob@y.org",
        "date": "2024-01-01T10:00:00+01:00",
    }


def test_a_mailbox_is_all_its_messages(tmp_path: Path) -> None:
    data = (
        "From a@x Mon Jan  1 10:00:00 2024\nSubject: One\nFrom: a@x\n\nFirst.\n>From here\n\n"
        "From a@x Mon Jan  1 10:00:00 2024\nSubject: Two\n\nSecond.\n"
    )
    content = only(tmp_path, "a.mbox", data).content
    assert content == "## One\n\nFrom: a@x\n\nFirst.\nFrom here\n\n## Two\n\nSecond."


def test_a_notebook_is_its_texts_and_code_without_outputs(tmp_path: Path) -> None:
    cells = [
        {"cell_type": "markdown", "source": ["# Study\n", "Of words."]},
        {"cell_type": "code", "source": "# load\nx = 1", "outputs": [{"data": {"png": "iVBOR"}}]},
        {"cell_type": "code", "source": [], "outputs": []},
    ]
    notebook = {"nbformat": 4, "metadata": {"kernelspec": {"language": "r"}}, "cells": cells}
    document = only(tmp_path, "a.ipynb", json.dumps(notebook))
    assert document.content == "# Study\nOf words.\n\n```r\n# load\nx = 1\n```"
    assert document.metadata["title"] == "Study"


def test_an_old_notebook_is_read_too(tmp_path: Path) -> None:
    cells = [
        {"cell_type": "heading", "level": 2, "source": "Part"},
        {"cell_type": "code", "input": "x"},
    ]
    notebook = {"nbformat": 3, "worksheets": [{"cells": cells}]}
    content = only(tmp_path, "a.ipynb", json.dumps(notebook)).content
    assert content == "## Part\n\n```python\nx\n```"


@pytest.mark.parametrize(
    "name", ["a.pptx", "a.xlsx", "a.docx", "a.epub", "a.odt", "a.ods", "a.odp"]
)
@pytest.mark.parametrize(
    "data", [b"PK\x03\x04\0\0broken", b"no such file", zipped(a_txt="Text."), slides()[:-3_000]]
)
def test_a_damaged_file_fails_alone(tmp_path: Path, name: str, data: bytes) -> None:
    put(tmp_path / name, data)
    put(tmp_path / "b.txt", "Text.")
    documents, (failure,) = read(Files(tmp_path))
    assert list(documents) == ["b.txt"]
    assert (failure.id, failure.error) == (name, "UnreadableDocumentError")
    assert failure.document


@pytest.mark.parametrize("name", ["a.rtf", "a.ipynb", "a.mbox", "a.eml"])
def test_text_that_is_not_of_its_kind_fails_alone(tmp_path: Path, name: str) -> None:
    _, (failure,) = read(Files(put(tmp_path / name, "[1]")))
    assert (failure.id, failure.error) == (name, "UnreadableDocumentError")


def test_a_book_that_lacks_a_page_fails(tmp_path: Path) -> None:
    data = book().replace(b"a.xhtml", b"z.xhtml", 1)
    _, failures = read(Files(put(tmp_path / "a.epub", data)))
    assert [failure.error for failure in failures] == ["UnreadableDocumentError"]


@pytest.mark.parametrize("name", ["a.docx", "a.pptx", "a.xlsx", "a.odt", "a.epub"])
def test_an_archive_that_grows_too_large_fails_without_being_unpacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(archive, "MAX_UNPACKED_BYTES", 1_000_000)
    target = io.BytesIO()
    with ZipFile(target, "w", ZIP_DEFLATED) as bomb:
        bomb.writestr("word/document.xml", b" " * 1_000_001)
    assert len(target.getvalue()) < 5_000
    _, (failure,) = read(Files(put(tmp_path / name, target.getvalue())))
    assert failure.error == "DocumentTooLargeError"


@pytest.mark.parametrize("name", ["a.docx", "a.pptx", "a.xlsx", "a.odt"])
def test_a_file_with_a_password_says_so(tmp_path: Path, name: str) -> None:
    put(tmp_path / name, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600))
    _, (failure,) = read(Files(tmp_path))
    assert "needs a password" in failure.message


def test_entities_of_xml_are_not_read_from_files(tmp_path: Path) -> None:
    secret = put(tmp_path / "secret", "hidden words")
    page = f'<!DOCTYPE p [<!ENTITY s SYSTEM "{secret.as_uri()}">]><p>&s; seen</p>'
    opf = f'<!DOCTYPE p [<!ENTITY s SYSTEM "{secret.as_uri()}">]><package><metadata><title>&s;t'
    for more in ({"in/a.xhtml": page}, {"in/book.opf": opf + "</title></metadata></package>"}):
        put(tmp_path / "x" / "a.epub", book(**more))
        documents, _ = read(Files(tmp_path / "x"))
        assert "hidden words" not in repr(documents)


@pytest.mark.parametrize(
    ("name", "data", "media_type"),
    [
        ("a.txt", pdf("Words."), "application/pdf"),
        ("a.md", b"{\\rtf1 Words.}", "application/rtf"),
        ("a.doc", b"{\\rtf1 Words.}", "application/rtf"),
        ("a.txt", b"<!DOCTYPE html><html><body><p>Words.</p></body></html>", "text/html"),
        ("a.xls", b"<html><table><tr><td>Words.</td></tr></table></html>", "text/html"),
        ("README", b"<!-- a -->\n<html><p>Words.</p></html>", "text/html"),
    ],
)
def test_bytes_that_contradict_the_name_win(
    tmp_path: Path, name: str, data: bytes, media_type: str
) -> None:
    document = only(tmp_path, name, data)
    assert "Words." in (document.content or "")
    assert document.media_type == media_type


@pytest.mark.parametrize("name", ["a.txt", "a", "a.doc", "a.docx"])
def test_an_archive_is_known_by_what_is_in_it(tmp_path: Path, name: str) -> None:
    assert "Quarterly report" in (only(tmp_path, name, slides()).content or "")


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"\x89PNG\r\n\x1a\n" + bytes(50), "image"),
        (b"\xff\xd8\xff\xe0\0\x10JFIF", "image"),
        (b"\x1f\x8b\x08\0abc", "binary"),
        (b"RIFF\0\0\0\0WAVE", "binary"),
        (zipped(a_txt="Text."), "no parser"),
    ],
)
def test_what_is_no_text_is_never_taken_for_one(tmp_path: Path, data: bytes, reason: str) -> None:
    for name in ("a.md", "a.txt", "a.py", "a"):
        path = put(tmp_path / name, data)
        assert skipped(Files(tmp_path))[name] == reason
        with pytest.raises(UnsupportedFormatError, match="is a binary file of unknown kind"):
            list(Files(path).documents())


@pytest.mark.parametrize(
    ("name", "package"),
    [("a.pptx", "pptx"), ("a.xlsx", "openpyxl"), ("a.rtf", "striprtf.striprtf")],
)
def test_a_missing_parser_names_the_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, package: str
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    path = put(tmp_path / name, b"anything")
    with pytest.raises(MissingDependencyError, match=r"pip install 'embeddb\[documents\]'"):
        list(Files(path).documents())
    _, (failure,) = read(Files(tmp_path))
    assert failure.error == "MissingDependencyError"
