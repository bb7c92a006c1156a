"""Which media type a file is, by its name."""

from __future__ import annotations

from pathlib import PurePath

PLAIN_TEXT = "text/plain"
MARKDOWN = "text/markdown"
HTML = "text/html"
PDF = "application/pdf"
DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"

_BY_SUFFIX = {
    ".txt": PLAIN_TEXT,
    ".text": PLAIN_TEXT,
    ".md": MARKDOWN,
    ".markdown": MARKDOWN,
    ".mdx": MARKDOWN,
    ".rst": "text/x-rst",
    ".adoc": "text/asciidoc",
    ".tex": "text/x-tex",
    ".html": HTML,
    ".htm": HTML,
    ".xhtml": "application/xhtml+xml",
    ".pdf": PDF,
    ".docx": DOCX,
    ".json": "application/json",
    ".xml": "application/xml",
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


def media_type_of(path: PurePath) -> str | None:
    """Return the media type of a file's suffix, or None for an unknown suffix."""
    return _BY_SUFFIX.get(path.suffix.lower())
