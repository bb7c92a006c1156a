"""Files a second of a folder of mixed files, a tenth of them odd, and whether any is lost.

The folder is made by this program: Markdown, text, code, HTML, JSON, PDF, Word and Excel files, and
among them broken, empty and huge ones, foreign encodings, and wrong suffixes. It is ingested with
an encoder that costs nothing. `--before FOLDER` reads the files that are not odd with another
version of embeddb, whose source is in FOLDER, turn by turn with this one.
"""

from __future__ import annotations

import io
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import embeddb
from benchmarks.common import fresh_database, parser, show
from embeddb.encoders import FunctionEncoder
from embeddb.sources.files import MAX_FILE_BYTES
from tests.support.sources import pdf

WORDS = [
    "river",
    "bank",
    "water",
    "level",
    "rose",
    "by",
    "metres",
    "after",
    "rain",
    "in",
    "spring",
    "and",
    "fell",
    "again",
]

READ = (
    "import sys, time; from embeddb.sources import Files; started = time.process_time(); "
    "count = sum(1 for _ in Files(sys.argv[1]).documents()); "
    "print(count / (time.process_time() - started))"
)


def prose(random: random.Random, sentences: int = 40) -> str:
    lines = (" ".join(random.choices(WORDS, k=9)).capitalize() + "." for _ in range(sentences))
    return "\n\n".join(lines)


def _word_file(text: str) -> bytes:
    import docx

    document = docx.Document()
    document.add_heading("Report", level=1)
    document.add_paragraph(text)
    target = io.BytesIO()
    document.save(target)
    return target.getvalue()


def _sheet(text: str) -> bytes:
    import openpyxl

    book = openpyxl.Workbook()
    for line in text.splitlines():
        book.active.append(line.split())
    target = io.BytesIO()
    book.save(target)
    return target.getvalue()


def _page(text: str) -> str:
    body = "".join(f"<p>{line}</p>" for line in text.splitlines() if line)
    return f"<!doctype html><title>Page</title><nav>Home</nav><main><h1>Page</h1>{body}</main>"


Make = Callable[[str], bytes]

GOOD: Mapping[str, Make] = {
    "md": lambda text: f"# Notes\n\n{text}\n".encode(),
    "txt": str.encode,
    "py": lambda text: f'def rise() -> None:\n    """{text}"""\n'.encode(),
    "html": lambda text: _page(text).encode(),
    "json": lambda text: f'{{"text": "{text[:200]!r}"}}'.encode(),
    "rst": lambda text: f"Notes\n=====\n\n{text}\n".encode(),
    "pdf": lambda text: pdf(text[:80], text[80:160], title="Report"),
    "docx": _word_file,
}

ODD: Sequence[tuple[str, Make]] = (
    ("broken.docx", lambda text: _word_file(text)[:-900]),
    ("broken.pdf", lambda text: pdf(text[:80])[:200]),
    ("broken.xlsx", lambda text: _sheet(text)[:2_000]),
    ("slides.pptx", lambda text: b"PK\x03\x04" + text.encode()),
    ("empty.txt", lambda text: b""),
    ("blank.md", lambda text: b" \n\n"),
    ("scan.pdf", lambda text: pdf("")),
    ("latin.txt", lambda text: f"Käse: {text}".encode("latin-1")),
    ("wide.txt", lambda text: text.encode("utf-16-le")),
    ("marked.txt", lambda text: text.encode("utf-32")),
    ("russian.md", lambda text: "Сыр и вода".encode("koi8-r")),
    ("picture.md", lambda text: b"\x89PNG\r\n\x1a\n" + text.encode()),
    ("really-a-pdf.txt", lambda text: pdf(text[:80])),
    ("really-a-page.txt", lambda text: _page(text).encode()),
    ("sheet.xlsx", _sheet),
    ("old.doc", lambda text: b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + text.encode()),
    ("core", lambda text: b"\x7fELF\0" + text.encode()),
    ("app.min.js", str.encode),
    (".hidden", str.encode),
    ("front.md", lambda text: f"---\ntitle: a: b\n---\n{text}".encode()),
)


def fill(folder: Path, files: int, *, odd: bool) -> int:
    """Write the files, the same ones every time, and return how many there are."""
    draw = random.Random(0)
    kinds = list(GOOD)
    for number in range(files):
        place = folder / f"{number // 500:03}"
        place.mkdir(parents=True, exist_ok=True)
        if number % 10 == 9:
            name, make = ODD[number // 10 % len(ODD)]
            text = prose(draw)
            if odd:
                start = f".{number}" if name.startswith(".") else f"{number}-"
                (place / f"{start}{name}").write_bytes(make(text))
            continue
        # office files are rarer than texts
        kind = kinds[number % (len(kinds) if number % 5 == 0 else 6)]
        (place / f"file-{number}.{kind}").write_bytes(GOOD[kind](prose(draw)))
    if odd:
        with (folder / "huge.txt").open("wb") as huge:
            huge.truncate(MAX_FILE_BYTES + 1)
    return sum(len(names) for _, _, names in os.walk(folder))


def read_rate(source: Path, folder: Path) -> float:
    """Return the files that a version of embeddb reads in a second of computing."""
    command = [sys.executable, "-c", READ, str(folder)]
    done = subprocess.run(command, cwd=source, check=True, capture_output=True, text=True)
    return float(done.stdout)


def main() -> None:
    made = parser(__doc__)
    made.add_argument("--files", type=int, default=10_000)
    made.add_argument("--before", type=Path, help="the source of another version to read with")
    options = made.parse_args()
    encoder = FunctionEncoder(
        lambda texts: [[float(len(text)), 1.0] for text in texts], dim=2, name="length"
    )
    with tempfile.TemporaryDirectory() as place:
        mixed, plain = Path(place, "mixed"), Path(place, "plain")
        files = fill(mixed, options.files, odd=True)
        with fresh_database(options.dsn) as url, embeddb.connect(url) as store:
            collection = store.create_collection("mixed", model=encoder)
            started = time.perf_counter()
            report = collection.ingest(mixed, build_index=False)
            seconds = time.perf_counter() - started
            documents = collection.count()
        skipped = sum(report.skipped.values())
        lost = files - documents - report.failed - skipped
        row: dict[str, float] = {"files": files, "documents": documents, "failures": report.failed}
        reasons = ", ".join(f"{count} {reason}" for reason, count in report.skipped.items())
        row |= {"left out": skipped, "lost": lost, "files/s": files / seconds}
        show(options, f"A folder of mixed files; left out: {reasons}", [row])
        if lost:
            raise SystemExit(f"{lost} files are not accounted for")
        if options.before:
            fill(plain, options.files, odd=False)
            ways = {"before": options.before, "now": Path.cwd()}
            rates: dict[str, list[float]] = {way: [] for way in ways}
            for _ in range(options.rounds):
                for way, source in ways.items():
                    rates[way].append(read_rate(source, plain))
            before = statistics.median(rates["before"])
            compared = [
                {"way": way, "files/s": rate, "of before": rate / before}
                for way, rate in ((way, statistics.median(found)) for way, found in rates.items())
            ]
            show(options, "Reading alone, the files that are not odd", compared)


if __name__ == "__main__":
    main()
