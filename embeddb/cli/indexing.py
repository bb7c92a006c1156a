"""From options to an index specification."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from embeddb.schema.indexes import IndexSpec


class Method(StrEnum):
    """The kinds of vector index, and none."""

    hnsw = "hnsw"
    ivfflat = "ivfflat"
    none = "none"


_OPTIONS: dict[Method, tuple[str, ...]] = {
    Method.hnsw: ("m", "ef_construction", "ef_search"),
    Method.ivfflat: ("lists", "probes"),
    Method.none: (),
}


def index_spec(method: Method, **options: int | None) -> IndexSpec | None:
    """Make the specification; an option of another method is a usage error, never ignored."""
    from embeddb.schema.indexes import HNSW, IVFFlat

    given = {name: value for name, value in options.items() if value is not None}
    for name in given:
        if name not in _OPTIONS[method]:
            option = "--" + name.replace("_", "-")
            raise typer.BadParameter(f"{option} is no option of {method}.", param_hint=option)
    if method is Method.none:
        return None
    return HNSW(**given) if method is Method.hnsw else IVFFlat(**given)  # type: ignore[arg-type]
