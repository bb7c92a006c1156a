"""The streams that a command writes to: whatever their encoding is, no character ends a command."""

from __future__ import annotations

import codecs
import os
import sys

REPLACE = "embeddb-replace"
"""The name of the error handler that writes something else in the place of a character."""

PIPE_CLOSED = 141
"""What shells report of a program that wrote to a pipe after its reader had gone."""

_READABLE = str.maketrans(
    {
        "—": "-",
        "–": "-",
        "‘": "'",
        "’": "'",
        "“": '"',
        "”": '"',
        "…": "...",
        "→": "->",
        "·": "-",
        "›": ">",
        "•": "*",
        "─": "-",
        "━": "-",
        "│": "|",
        "╭": "+",
        "╮": "+",
        "╰": "+",
        "╯": "+",
        "\xa0": " ",
    }
)
"""Characters that have a likeness in ASCII; any other is written as Python would escape it."""


def prepare() -> None:
    """Make stdout and stderr replace what their encoding has no character for."""
    codecs.register_error(REPLACE, _replaced)
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors=REPLACE)


def finish() -> None:
    """Write what is still buffered, while a reader who has gone can be met in silence."""
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except BrokenPipeError:
        discard()
        sys.exit(PIPE_CLOSED)


def discard() -> None:
    """Throw away what stdout still holds: its reader has gone."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)


def _replaced(error: UnicodeError) -> tuple[str | bytes, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    text = error.object[error.start : error.end].translate(_READABLE)
    return text.encode("ascii", "backslashreplace").decode(), error.end
