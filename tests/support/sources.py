"""Files to read, and what came of reading them."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Protocol
from zipfile import ZipFile

from embeddb.protocols import Source
from embeddb.records import Document, Failure, Skipped


def read(source: Source) -> tuple[dict[str, Document], list[Failure]]:
    """Read a source: its documents by id, and its failures."""
    items = list(source.documents())
    documents = [item for item in items if isinstance(item, Document)]
    by_id = {document.id: document for document in documents}
    assert len(by_id) == len(documents)
    return by_id, [item for item in items if isinstance(item, Failure)]


def skipped(source: Source) -> dict[str, str]:
    """Read a source: the reason of everything that it leaves out, by id."""
    items = source.documents()
    return {item.id: item.reason for item in items if isinstance(item, Skipped)}


def write(folder: Path, **files: str | bytes) -> None:
    """Write files; two underscores in a name stand for a slash and one for a dot."""
    for name, content in files.items():
        path = folder / name.replace("__", "/").replace("_", ".")
        put(path, content)


def put(path: Path, content: str | bytes) -> Path:
    """Write a file and the folders it is in."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def put_lines(path: Path, *rows: object) -> Path:
    """Write JSON Lines."""
    return put(path, "".join(json.dumps(row) + "\n" for row in rows))


def pdf(*pages: str, title: str = "") -> bytes:
    """Write a PDF by hand: one line of Helvetica a page."""
    kids = " ".join(f"{4 + 2 * number} 0 R" for number in range(len(pages)))
    objects = [
        "<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {len(pages)} >>",
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    for number, text in enumerate(pages):
        stream = f"BT /F1 12 Tf 72 720 Td ({text}) Tj ET" if text else ""
        objects += [
            "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] "
            f"/Resources << /Font << /F1 3 0 R >> >> /Contents {5 + 2 * number} 0 R >>",
            f"<< /Length {len(stream)} >>\nstream\n{stream}\nendstream",
        ]
    objects.append(f"<< /Title ({title}) >>")
    body, offsets = "%PDF-1.4\n", []
    for number, item in enumerate(objects, start=1):
        offsets.append(len(body))
        body += f"{number} 0 obj\n{item}\nendobj\n"
    table = "".join(f"{offset:010} 00000 n \n" for offset in offsets)
    size = len(objects) + 1
    trailer = f"trailer\n<< /Size {size} /Root 1 0 R /Info {size - 1} 0 R >>\n"
    end = f"startxref\n{len(body)}\n%%EOF\n"
    return f"{body}xref\n0 {size}\n0000000000 65535 f \n{table}{trailer}{end}".encode()


class Saved(Protocol):
    """A document of a library that writes files."""

    def save(self, target: io.BytesIO, /) -> object:
        """Write the document."""
        ...


def saved(document: Saved) -> bytes:
    """Return the bytes of the file that a library writes of a document."""
    target = io.BytesIO()
    document.save(target)
    return target.getvalue()


def zipped(**members: str | bytes) -> bytes:
    """Return a zip archive; two underscores in a name stand for a slash and one for a dot."""
    target = io.BytesIO()
    with ZipFile(target, "w") as archive:
        for name, content in members.items():
            archive.writestr(name.replace("__", "/").replace("_", "."), content)
    return target.getvalue()
