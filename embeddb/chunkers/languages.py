"""Which programming language a media type names, and where its grammar is."""

from __future__ import annotations

from typing import NamedTuple


class Grammar(NamedTuple):
    """A tree-sitter grammar: its module, and the function there that returns it."""

    module: str
    function: str = "language"


GRAMMARS: dict[str, Grammar] = {
    "bash": Grammar("tree_sitter_bash"),
    "c": Grammar("tree_sitter_c"),
    "cpp": Grammar("tree_sitter_cpp"),
    "csharp": Grammar("tree_sitter_c_sharp"),
    "go": Grammar("tree_sitter_go"),
    "java": Grammar("tree_sitter_java"),
    "javascript": Grammar("tree_sitter_javascript"),
    "php": Grammar("tree_sitter_php", "language_php"),
    "python": Grammar("tree_sitter_python"),
    "ruby": Grammar("tree_sitter_ruby"),
    "rust": Grammar("tree_sitter_rust"),
    "tsx": Grammar("tree_sitter_typescript", "language_tsx"),
    "typescript": Grammar("tree_sitter_typescript", "language_typescript"),
}

_ALIASES = {
    "c++": "cpp",
    "c++src": "cpp",
    "chdr": "c",
    "csrc": "c",
    "ecmascript": "javascript",
    "httpd-php": "php",
    "java-source": "java",
    "sh": "bash",
    "shellscript": "bash",
}

# Code without a grammar here; it is still cut as code, by its blank lines.
_OTHER_CODE = frozenset(
    {
        *("clojure", "dart", "elixir", "erlang", "fsharp", "groovy", "haskell", "julia"),
        *("kotlin", "lua", "objective-c", "ocaml", "perl", "powershell", "r", "scala"),
        *("sql", "swift", "vb", "zig"),
    }
)


def language_of(media_type: str | None) -> str | None:
    """Return the language of a media type, e.g. `python` for `text/x-python`, or None."""
    if media_type is None:
        return None
    name = media_type.partition(";")[0].strip().lower().rpartition("/")[2]
    name = name.removeprefix("x-")
    name = _ALIASES.get(name, name)
    return name if name in GRAMMARS or name in _OTHER_CODE else None
