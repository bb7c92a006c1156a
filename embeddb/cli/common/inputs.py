"""Values given as JSON: on the command line, in a file, or on stdin."""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path
from typing import Any

import typer


def filter_value(text: str | None) -> dict[str, Any] | None:
    """Return a filter; anything but a JSON object is a usage error."""
    if text is None:
        return None
    value = json_value(text, "--filter")
    if not isinstance(value, dict):
        raise typer.BadParameter(
            'A filter is a JSON object such as {"year": 2024}.', param_hint="--filter"
        )
    return value


def vector_value(text: str) -> list[Any]:
    """Return a vector; anything but a JSON array is a usage error."""
    value = json_value(text, "--vector")
    if not isinstance(value, list):
        raise typer.BadParameter(
            "A vector is a JSON array of numbers such as [0.1, 0.2].", param_hint="--vector"
        )
    return value


def number(value: float | None) -> float | None:
    """Return a number; what is none, which every comparison takes another way, is refused."""
    if value is not None and math.isnan(value):
        raise typer.BadParameter("NaN is no number.")
    return value


def json_value(text: str, option: str) -> Any:  # noqa: ANN401
    """Return what JSON says: `text` itself, the file of `@FILE`, or stdin for `-`."""
    try:
        return json.loads(_text(text))
    except OSError as error:
        raise typer.BadParameter(str(error), param_hint=option) from error
    except UnicodeDecodeError as error:
        raise typer.BadParameter(
            f"This is not JSON in UTF-8: {error}", param_hint=option
        ) from error
    except ValueError as error:
        raise typer.BadParameter(f"This is not JSON: {error}", param_hint=option) from error


def _text(text: str) -> str | bytes:
    """Return JSON as a text, or as bytes: JSON says by itself how it is encoded."""
    if text == "-":
        return sys.stdin.buffer.read()
    return Path(text[1:]).read_bytes() if text.startswith("@") else text
