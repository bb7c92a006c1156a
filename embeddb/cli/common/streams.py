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
        "\N{NO-BREAK SPACE}": " ",
        "\N{EM DASH}": "-",
        "\N{EN DASH}": "-",
        "\N{LEFT SINGLE QUOTATION MARK}": "'",
        "\N{RIGHT SINGLE QUOTATION MARK}": "'",
        "\N{LEFT DOUBLE QUOTATION MARK}": '"',
        "\N{RIGHT DOUBLE QUOTATION MARK}": '"',
        "\N{HORIZONTAL ELLIPSIS}": "...",
        "\N{RIGHTWARDS ARROW}": "->",
        "\N{MIDDLE DOT}": "-",
        "\N{BULLET}": "*",
        "\N{SINGLE RIGHT-POINTING ANGLE QUOTATION MARK}": ">",
        "\N{BOX DRAWINGS LIGHT HORIZONTAL}": "-",
        "\N{BOX DRAWINGS LIGHT VERTICAL}": "|",
        "\N{BOX DRAWINGS LIGHT ARC DOWN AND RIGHT}": "+",
        "\N{BOX DRAWINGS LIGHT ARC DOWN AND LEFT}": "+",
        "\N{BOX DRAWINGS LIGHT ARC UP AND LEFT}": "+",
        "\N{BOX DRAWINGS LIGHT ARC UP AND RIGHT}": "+",
    }
)
"""Characters that have a likeness in ASCII; any other is written as Python would escape it."""


def prepare() -> None:
    """Make stdout and stderr replace what their encoding has no character for."""
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
    except OSError as error:  # the disk is full, for one
        discard()
        sys.exit(f"error: {error}")


def discard() -> None:
    """Throw away what stdout still holds: its reader has gone."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)


def written(text: str, encoding: str) -> str:
    """Return a text as a stream of this encoding shows it."""
    return text.encode(encoding, REPLACE).decode(encoding)


def _replaced(error: UnicodeError) -> tuple[str | bytes, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    text = error.object[error.start : error.end].translate(_READABLE)
    return text.encode("ascii", "backslashreplace").decode(), error.end


codecs.register_error(REPLACE, _replaced)
