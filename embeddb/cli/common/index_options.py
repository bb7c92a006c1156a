"""From options to an index specification."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import typer

from embeddb.errors import ConfigurationError, IndexSpecError

if TYPE_CHECKING:
    from embeddb.schema.indexes import IndexSpec

ON_INDEX = "--index"


class Method(StrEnum):
    """The kinds of vector index, and none."""

    hnsw = "hnsw"
    ivfflat = "ivfflat"
    ivfpq = "ivfpq"
    none = "none"


_OPTIONS: dict[Method, tuple[str, ...]] = {
    Method.hnsw: ("on", "oversample", "m", "ef_construction", "ef_search"),
    Method.ivfflat: ("on", "oversample", "lists", "probes"),
    Method.ivfpq: ("oversample", "lists", "probes", "subvectors"),
    Method.none: (),
}

_FOLLOWING = {"on": "oversample", "lists": "probes"}
"""What was chosen for the first is not kept for another value of it."""


def index_spec(method: Method, **options: Any) -> IndexSpec | None:  # noqa: ANN401
    """Make the specification; an option of another method is a usage error, never ignored."""
    from embeddb.schema.indexes import HNSW, IVFPQ, IVFFlat

    given = _given(method, options)
    if method is Method.none:
        return None
    kinds: dict[Method, type[IndexSpec]] = {
        Method.hnsw: HNSW,
        Method.ivfflat: IVFFlat,
        Method.ivfpq: IVFPQ,
    }
    with usage(_named(given), IndexSpecError):
        return kinds[method](**given)


def changed_spec(own: IndexSpec, **options: Any) -> IndexSpec:  # noqa: ANN401
    """Change what is given of a collection's own index."""
    from dataclasses import replace

    given = _given(Method(own.method), options)
    reset = {
        follower: None
        for option, follower in _FOLLOWING.items()
        if option in given and follower not in given and hasattr(own, option)
    }
    if own.method == Method.ivfpq:
        reset.pop("oversample", None)  # it has a number of its own
    with usage(_named(given), IndexSpecError):
        return replace(own, **(reset | given))


@contextmanager
def usage(option: str, kind: type[ConfigurationError] = ConfigurationError) -> Iterator[None]:
    """Tell an error of this kind as a wrong use of an option, with exit code 2."""
    try:
        yield
    except kind as error:
        raise typer.BadParameter(str(error), param_hint=option) from error


def _given(method: Method, options: dict[str, Any]) -> dict[str, Any]:
    given = {name: value for name, value in options.items() if value is not None}
    for name in given:
        if name not in _OPTIONS[method]:
            option = _option(name)
            raise typer.BadParameter(f"{option} is no option of {method}.", param_hint=option)
    return given


def _named(given: dict[str, Any]) -> str:
    return " / ".join(map(_option, given)) or ON_INDEX


def _option(name: str) -> str:
    return "--" + name.replace("_", "-")
