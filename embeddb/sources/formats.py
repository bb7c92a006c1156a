"""Which media type a file is, by its name and its first bytes, and what is no document."""

from __future__ import annotations

import codecs
import io
import re
from pathlib import PurePath, PurePosixPath
from zipfile import BadZipFile, ZipFile

PLAIN_TEXT = "text/plain"
MARKDOWN = "text/markdown"
ASCIIDOC = "text/asciidoc"
HTML = "text/html"
XHTML = "application/xhtml+xml"
PDF = "application/pdf"
RTF = "application/rtf"
EMAIL = "message/rfc822"
MAILBOX = "application/mbox"
NOTEBOOK = "application/x-ipynb+json"
EPUB = "application/epub+zip"
DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
PPTX = "application/vnd.openxmlformats-officedocument.presentationml.presentation"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
ODT = "application/vnd.oasis.opendocument.text"
ODS = "application/vnd.oasis.opendocument.spreadsheet"
ODP = "application/vnd.oasis.opendocument.presentation"

# Without a parser: what has one only in other formats, and what is no text at all.
OLD_OFFICE = "application/x-ole-storage"
ARCHIVE = "application/zip"
IMAGE = "image"
BINARY = "application/octet-stream"

NO_PARSER = {
    OLD_OFFICE: "no parser",
    ARCHIVE: "no parser",
    IMAGE: "image",
    BINARY: "binary",
}
"""Why a file of a media type without a parser is left out."""

_BY_SUFFIX = {
    ".txt": PLAIN_TEXT,
    ".text": PLAIN_TEXT,
    ".md": MARKDOWN,
    ".markdown": MARKDOWN,
    ".mdx": MARKDOWN,
    ".rst": "text/x-rst",
    ".adoc": ASCIIDOC,
    ".tex": "text/x-tex",
    ".html": HTML,
    ".htm": HTML,
    ".xhtml": XHTML,
    ".pdf": PDF,
    ".rtf": RTF,
    ".eml": EMAIL,
    ".mht": EMAIL,
    ".mhtml": EMAIL,
    ".mbox": MAILBOX,
    ".ipynb": NOTEBOOK,
    ".epub": EPUB,
    ".docx": DOCX,
    ".docm": DOCX,
    ".pptx": PPTX,
    ".pptm": PPTX,
    ".xlsx": XLSX,
    ".xlsm": XLSX,
    ".odt": ODT,
    ".ott": ODT,
    ".ods": ODS,
    ".odp": ODP,
    ".doc": OLD_OFFICE,
    ".dot": OLD_OFFICE,
    ".xls": OLD_OFFICE,
    ".ppt": OLD_OFFICE,
    ".pps": OLD_OFFICE,
    ".json": "application/json",
    ".xml": "application/xml",
    ".svg": "image/svg+xml",
    ".yaml": "application/yaml",
    ".yml": "application/yaml",
    ".toml": "application/toml",
    ".csv": "text/csv",
    ".tsv": "text/tab-separated-values",
    ".css": "text/css",
    ".py": "text/x-python",
    ".pyi": "text/x-python",
    ".js": "text/javascript",
    ".mjs": "text/javascript",
    ".cjs": "text/javascript",
    ".jsx": "text/javascript",
    ".ts": "text/x-typescript",
    ".mts": "text/x-typescript",
    ".cts": "text/x-typescript",
    ".tsx": "text/x-tsx",
    ".java": "text/x-java",
    ".go": "text/x-go",
    ".rs": "text/x-rust",
    ".c": "text/x-c",
    ".h": "text/x-c",
    ".cc": "text/x-c++",
    ".cpp": "text/x-c++",
    ".cxx": "text/x-c++",
    ".hh": "text/x-c++",
    ".hpp": "text/x-c++",
    ".cs": "text/x-csharp",
    ".rb": "text/x-ruby",
    ".php": "text/x-php",
    ".sh": "text/x-sh",
    ".bash": "text/x-sh",
    ".clj": "text/x-clojure",
    ".dart": "text/x-dart",
    ".erl": "text/x-erlang",
    ".ex": "text/x-elixir",
    ".exs": "text/x-elixir",
    ".hs": "text/x-haskell",
    ".jl": "text/x-julia",
    ".kt": "text/x-kotlin",
    ".lua": "text/x-lua",
    ".ml": "text/x-ocaml",
    ".pl": "text/x-perl",
    ".ps1": "text/x-powershell",
    ".r": "text/x-r",
    ".scala": "text/x-scala",
    ".sql": "text/x-sql",
    ".swift": "text/x-swift",
    ".zig": "text/x-zig",
}

# Their bytes need no look. What an unknown suffix stands for is seen by the bytes.
_IMAGES = frozenset(
    [
        ".png",
        ".jpg",
        ".jpeg",
        ".gif",
        ".bmp",
        ".tif",
        ".tiff",
        ".webp",
        ".avif",
        ".heic",
        ".ico",
        ".icns",
        ".psd",
        ".svg",
        ".svgz",
    ]
)
_WITHOUT_PARSER = frozenset(
    [
        ".zip",
        ".gz",
        ".tgz",
        ".bz2",
        ".xz",
        ".zst",
        ".7z",
        ".rar",
        ".tar",
        ".jar",
        ".whl",
        ".iso",
        ".dmg",
        ".deb",
        ".rpm",
        ".mp3",
        ".m4a",
        ".wav",
        ".flac",
        ".ogg",
        ".opus",
        ".wma",
        ".mp4",
        ".m4v",
        ".mkv",
        ".mov",
        ".avi",
        ".webm",
        ".wmv",
        ".woff",
        ".woff2",
        ".ttf",
        ".otf",
        ".eot",
        ".exe",
        ".dll",
        ".so",
        ".dylib",
        ".a",
        ".o",
        ".lib",
        ".class",
        ".pyc",
        ".pyd",
        ".wasm",
        ".db",
        ".sqlite",
        ".sqlite3",
        ".parquet",
        ".feather",
        ".npy",
        ".npz",
        ".pkl",
        ".pt",
        ".onnx",
        ".safetensors",
        ".gguf",
        ".msg",
        ".pst",
        ".mobi",
        ".azw3",
        ".djvu",
        ".xlsb",
        ".vsd",
        ".vsdx",
        ".mdb",
        ".accdb",
    ]
)
_MINIFIED = re.compile(r"\.min\.[cm]?js$|\.min\.css$|\.(?:[cm]?js|css)\.map$")
_LOCK_FILES = frozenset(
    [
        "package-lock.json",
        "npm-shrinkwrap.json",
        "yarn.lock",
        "pnpm-lock.yaml",
        "bun.lock",
        "bun.lockb",
        "deno.lock",
        "poetry.lock",
        "pipfile.lock",
        "uv.lock",
        "pdm.lock",
        "pixi.lock",
        "conda-lock.yml",
        "cargo.lock",
        "gemfile.lock",
        "composer.lock",
        "go.sum",
        "flake.lock",
        "mix.lock",
        "pubspec.lock",
        "podfile.lock",
        "gradle.lockfile",
        "packages.lock.json",
    ]
)

ZIP_START = b"PK\x03\x04"
_MAGIC = {
    b"%PDF-": PDF,
    b"{\\rtf": RTF,
    b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1": OLD_OFFICE,
    b"\x89PNG\r\n\x1a\n": IMAGE,
    b"\xff\xd8\xff": IMAGE,
    b"GIF87a": IMAGE,
    b"GIF89a": IMAGE,
    b"II*\0": IMAGE,
    b"MM\0*": IMAGE,
    b"\x1f\x8b\x08": BINARY,
    b"BZh91AY&SY": BINARY,
    b"\xfd7zXZ\0": BINARY,
    b"(\xb5/\xfd": BINARY,
    b"7z\xbc\xaf'\x1c": BINARY,
    b"Rar!\x1a\x07": BINARY,
    b"\x7fELF": BINARY,
    b"SQLite format 3\0": BINARY,
    b"wOF2": BINARY,
    b"OggS\0": BINARY,
    b"\xca\xfe\xba\xbe": BINARY,
}
_WITH_ZERO_BYTES = {b"RIFF": BINARY, b"MZ": BINARY, b"ID3": BINARY}
_ZIPPED = {DOCX, PPTX, XLSX, ODT, ODS, ODP, EPUB}
_PARTS = {"word/document.xml": DOCX, "ppt/presentation.xml": PPTX, "xl/workbook.xml": XLSX}

_HTML_START = re.compile(
    rb"(?:\xef\xbb\xbf)?\s*(?:<\?xml[^>]*>\s*)?(?:<!--.*?-->\s*)*<(?:!doctype\s+html|html)\b",
    re.IGNORECASE | re.DOTALL,
)
# A page of HTML may come under these names by mistake; under others it is what was meant.
_MAYBE_HTML = frozenset({None, PLAIN_TEXT, OLD_OFFICE, PDF, DOCX, XLSX, PPTX, RTF})

SNIFFED_BYTES = 8_192


def skip_reason(name: str) -> str | None:
    """Return why a file of a folder is no document, by its name, or None."""
    path = PurePosixPath(name.lower())
    if path.name in _LOCK_FILES or path.name.startswith("~$"):
        return "lock file"
    if _MINIFIED.search(path.name):
        return "minified"
    if path.suffix in _IMAGES:
        return "image"
    return "no parser" if path.suffix in _WITHOUT_PARSER else None


def media_type_of(path: PurePath) -> str | None:
    """Return the media type of a file's suffix, or None for an unknown suffix."""
    return _BY_SUFFIX.get(path.suffix.lower())


def recognize(name: str, data: bytes, encoding: str = "utf-8") -> str:
    """Return the media type of a file: that of its name, unless its bytes contradict it.

    `encoding` is that of texts without a byte order mark: one of UTF-16 may hold zero bytes.
    """
    return recognize_as(media_type_of(PurePosixPath(name)), data, encoding)


def recognize_as(named: str | None, data: bytes, encoding: str = "utf-8") -> str:
    """Return the media type of bytes: the one that they are said to be, unless they contradict."""
    found = _by_bytes(data, named) or named
    if found is not None:
        return found
    return BINARY if _holds_zero_bytes(data, encoding) else PLAIN_TEXT


def _by_bytes(data: bytes, named: str | None) -> str | None:
    """Return the media type that the first bytes leave no doubt about, or None."""
    head = data[:SNIFFED_BYTES]
    if head.startswith(ZIP_START):
        found = _zipped(data)
        return named if named in _ZIPPED and found not in _ZIPPED else found
    for magic, media_type in _MAGIC.items():
        if head.startswith(magic):
            return named if media_type == OLD_OFFICE and named in _ZIPPED else media_type
    if b"\0" in head:
        for magic, media_type in _WITH_ZERO_BYTES.items():
            if head.startswith(magic):
                return media_type
    return HTML if named in _MAYBE_HTML and _HTML_START.match(head) else None


def _zipped(data: bytes) -> str:
    """Return what a zip archive is, by the names in it."""
    try:
        with ZipFile(io.BytesIO(data)) as archive:
            names = set(archive.namelist())
            kind = ""
            if "mimetype" in names:
                with archive.open("mimetype") as file:
                    kind = file.read(100).decode("ascii").strip()
    except (BadZipFile, ValueError, OSError, RuntimeError, NotImplementedError):
        return BINARY
    if kind in _ZIPPED:
        return kind
    return next((kind for part, kind in _PARTS.items() if part in names), ARCHIVE)


def _holds_zero_bytes(data: bytes, encoding: str) -> bool:
    """Return whether a file without a known suffix is no text: it has zero bytes, as none has.

    A text of UTF-16 or UTF-32 has some, and says so by a byte order mark.
    """
    marks = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE, codecs.BOM_UTF32_BE)
    wide = encoding.lower().replace("_", "-").startswith(("utf-16", "utf-32", "utf16", "utf32"))
    return b"\0" in data[:SNIFFED_BYTES] and not data.startswith(marks) and not wide
