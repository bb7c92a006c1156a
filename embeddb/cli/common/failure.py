"""How a command reports that it cannot go on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import typer
from rich.text import Text

from embeddb.cli.common.output import err
from embeddb.cli.common.streams import PIPE_CLOSED, discard
from embeddb.cli.common.tables import shown
from embeddb.config import Settings
from embeddb.errors import ConfigurationError, EmbedDBError

FAILED = 1
INTERRUPTED = 130
"""What shells report of a program that Ctrl-C ended."""


@contextmanager
def reported() -> Iterator[None]:
    """Turn an error into a message and an exit code; with EMBEDDB_DEBUG it keeps its traceback."""
    try:
        yield
    except BrokenPipeError as error:
        discard()
        raise typer.Exit(PIPE_CLOSED) from error
    except (EmbedDBError, OSError, UnicodeEncodeError) as error:
        message = _message(error)
        if message is None or _debugging():
            raise
        complain(message)
        raise typer.Exit(FAILED) from error
    except KeyboardInterrupt as error:
        told = " ".join(("Interrupted.", *getattr(error, "__notes__", ())))
        err.print(
            f"\n{told} What was finished is kept: run the same command again to continue.",
            soft_wrap=True,
        )
        raise typer.Exit(INTERRUPTED) from error


def _message(error: EmbedDBError | OSError | UnicodeEncodeError) -> str | None:
    """Return what to say of an error; None: it is no fault of what the command was given."""
    if not isinstance(error, UnicodeEncodeError):
        return str(error)
    if not any("\ud800" <= character <= "\udfff" for character in error.object):
        return None
    return (
        f"{error.object!r} holds bytes that are no text: give names, ids and texts in the encoding "
        "of your locale, which is best UTF-8."
    )


def complain(message: str) -> None:
    """Write an error to stderr."""
    err.print(Text.assemble(("error: ", "bold red"), (shown(message), "red")), soft_wrap=True)


@contextmanager
def usage(option: str, kind: type[ConfigurationError] = ConfigurationError) -> Iterator[None]:
    """Report an error of this kind as a wrong use of an option, with exit code 2."""
    try:
        yield
    except kind as error:
        raise typer.BadParameter(str(error), param_hint=option) from error


def _debugging() -> bool:
    try:
        return Settings.from_environment().debug
    except ConfigurationError:  # it is the error that is being reported
        return False
