"""What becomes of HTML, PDF and DOCX."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import docx
import pytest

from embeddb.errors import MissingDependencyError
from embeddb.sources import Files, Parquet
from tests.support.sources import pdf, put, read

PAGE = """<!doctype html><html><head><title>A  page</title><style>p {}</style></head><body>
<nav><a href="/">Home</a></nav>
<main><h1>Heading</h1><p>Some <b>bold</b> text in snake_case.</p>
<ul><li>one</li><li>two</li></ul><pre><code>x = 1
y = 2</code></pre><script>alert(1)</script>
<table><tr><th>a</th><th>b</th></tr><tr><td>1</td><td>2</td></tr></table></main>
<footer>Imprint</footer></body></html>"""


def docx_file() -> bytes:
    """Zip the three files that a Word document cannot do without."""
    from zipfile import ZipFile

    office = "http://schemas.openxmlformats.org"
    word = f"{office}/wordprocessingml/2006/main"
    main = "application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"
    parts = {
        "[Content_Types].xml": f'<Types xmlns="{office}/package/2006/content-types">'
        '<Default Extension="rels" '
        'ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        f'<Override PartName="/word/document.xml" ContentType="{main}"/></Types>',
        "_rels/.rels": f'<Relationships xmlns="{office}/package/2006/relationships">'
        f'<Relationship Id="r1" Type="{office}/officeDocument/2006/relationships/officeDocument" '
        'Target="word/document.xml"/></Relationships>',
        "word/document.xml": f'<w:document xmlns:w="{word}"><w:body>'
        '<w:p><w:pPr><w:pStyle w:val="Heading1"/></w:pPr><w:r><w:t>Report</w:t></w:r></w:p>'
        "<w:p><w:r><w:t>The river rose by 3 m.</w:t></w:r></w:p>"
        "<w:tbl><w:tr><w:tc><w:p><w:r><w:t>cell</w:t></w:r></w:p></w:tc></w:tr></w:tbl>"
        "</w:body></w:document>",
        "word/styles.xml": f'<w:styles xmlns:w="{word}"><w:style w:type="paragraph" '
        'w:styleId="Heading1"><w:name w:val="heading 1"/></w:style></w:styles>',
        "word/_rels/document.xml.rels": f'<Relationships xmlns="{office}/package/2006/'
        f'relationships"><Relationship Id="r1" Type="{office}/officeDocument/2006/relationships/'
        'styles" Target="styles.xml"/></Relationships>',
    }
    buffer = io.BytesIO()
    with ZipFile(buffer, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def test_html_becomes_markdown_of_its_main_part(tmp_path: Path) -> None:
    put(tmp_path / "a.html", PAGE)
    document = read(Files(tmp_path))[0]["a.html"]
    content = document.content or ""
    assert content.startswith("# Heading\n\nSome **bold** text in snake_case.")
    assert "- one\n- two" in content
    assert "x = 1\ny = 2" in content
    assert "| 1 | 2 |" in content
    for gone in ("Home", "alert", "Imprint", "p {}"):
        assert gone not in content
    assert document.metadata["title"] == "A page"
    assert document.media_type == "text/html"


def test_html_is_decoded_as_it_declares(tmp_path: Path) -> None:
    put(tmp_path / "a.html", b'<meta charset="iso-8859-1"><p>K\xe4se</p>')
    assert read(Files(tmp_path))[0]["a.html"].content == "Käse"


def test_a_pdf_is_the_text_of_its_pages(tmp_path: Path) -> None:
    put(tmp_path / "a.pdf", pdf("First page.", "", "Second page.", title="Two pages"))
    document = read(Files(tmp_path))[0]["a.pdf"]
    assert document.content == "First page.\n\f\n\n\f\nSecond page."
    assert document.metadata["title"] == "Two pages"
    assert document.media_type == "application/pdf"


def test_a_docx_becomes_markdown(tmp_path: Path) -> None:
    put(tmp_path / "a.docx", docx_file())
    document = read(Files(tmp_path))[0]["a.docx"]
    assert (document.content or "").startswith("# Report\n\nThe river rose by 3 m.")
    assert "cell" in (document.content or "")
    assert document.metadata["title"] == "Report"


def test_a_docx_written_by_a_library_is_read(tmp_path: Path) -> None:
    file = docx.Document()
    file.add_heading("Minutes", level=1)
    file.add_paragraph("We met & agreed.")
    file.add_paragraph("first point", style="List Bullet")
    file.save(tmp_path / "a.docx")
    content = read(Files(tmp_path))[0]["a.docx"].content
    assert content == "# Minutes\n\nWe met & agreed.\n\n- first point"


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.pdf", b"%PDF-1.4 broken", "not a readable PDF"),
        ("a.pdf", pdf(""), "no text: run OCR"),
        ("a.docx", b"PK\x03\x04broken", "not a Word document"),
        ("a.docx", b"no zip", "not a Word document"),
    ],
)
def test_a_damaged_file_fails_alone(
    tmp_path: Path, name: str, content: bytes, message: str
) -> None:
    put(tmp_path / name, content)
    put(tmp_path / "b.txt", "Text.")
    documents, (failure,) = read(Files(tmp_path))
    assert list(documents) == ["b.txt"]
    assert (failure.id, failure.error) == (name, "UnreadableDocumentError")
    assert message in failure.message


def test_deeply_nested_html_fails_alone(tmp_path: Path) -> None:
    put(tmp_path / "a.html", "<div>" * 20_000 + "text")
    put(tmp_path / "b.txt", "Text.")
    documents, failures = read(Files(tmp_path))
    assert "b.txt" in documents
    assert len(documents) + len(failures) == 2


@pytest.mark.parametrize(
    ("name", "package"), [("a.pdf", "pypdfium2"), ("a.docx", "mammoth"), ("a.html", "markdownify")]
)
def test_a_missing_parser_names_the_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, package: str
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    path = put(tmp_path / name, b"anything")
    remedy = r"pip install 'embeddb\[documents\]'"
    with pytest.raises(MissingDependencyError, match=remedy):
        list(Files(path).documents())
    put(tmp_path / "b.txt", "Text.")
    documents, (failure,) = read(Files(tmp_path))
    assert list(documents) == ["b.txt"]
    assert failure.error == "MissingDependencyError"
    assert "pip install 'embeddb[documents]'" in failure.message


def test_parquet_without_its_package_names_the_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    source = Parquet(put(tmp_path / "a.parquet", b"anything"))
    with pytest.raises(MissingDependencyError, match=r"embeddb\[documents\]"):
        list(source.documents())
