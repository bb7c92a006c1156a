"""The reference of settings, found out by reading the environment in every way there is."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import fields

from embeddb.config import Settings

_PROBE = "1"  # a text, a path, a name and a flag alike


class _Recorder(dict[str, str]):
    """An environment that remembers what was asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: dict[str, None] = {}

    def get(self, name: str, default: str | None = None) -> str | None:  # type: ignore[override]
        """Return the value, and remember the name."""
        self.asked[name] = None
        return super().get(name, default)


def markdown() -> str:
    """Return a table of the variables that `Settings` reads, with what each is for."""
    rows = [f"| {', else '.join(f'`{n}`' for n in names)} | {text} |" for names, text in _rows()]
    return "\n".join(["| variable | meaning |", "| --- | --- |", *rows])


def _rows() -> Iterator[tuple[list[str], str]]:
    meanings = _meanings()
    variables: dict[str, list[str]] = {}
    recorder = _Recorder()
    plain = Settings.from_environment(recorder)
    for variable in recorder.asked:
        probed = Settings.from_environment({variable: _PROBE})
        for field in fields(Settings):
            if getattr(plain, field.name) != getattr(probed, field.name):
                variables.setdefault(field.name, []).append(variable)
    for name, names in variables.items():
        yield names, meanings[name]


def _meanings() -> dict[str, str]:
    _, _, attributes = (Settings.__doc__ or "").partition("Attributes:\n")
    found = re.findall(r"^ {8}(\w+): (.+(?:\n {9,}.+)*)", attributes, re.MULTILINE)
    return {name: re.sub(r"\s+", " ", text) for name, text in found}
