"""The options of a vector index, and the specification that they make."""

from __future__ import annotations

from dataclasses import dataclass, fields
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from embeddb.cli.common.failure import usage
from embeddb.errors import IndexSpecError

if TYPE_CHECKING:
    from embeddb.schema.catalog import CollectionRecord
    from embeddb.schema.indexes import IndexSpec

ON_INDEX = "--index"
PANEL = "Vector index"


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
"""What was chosen for the first is not kept when the first changes."""


@dataclass(frozen=True, kw_only=True)
class IndexOptions:
    """The index that a collection is to have; what is left out stays as it is."""

    index: Annotated[
        Method | None,
        typer.Option(
            ON_INDEX,
            rich_help_panel=PANEL,
            help="The kind of index; `none` searches exactly, by reading every row.",
        ),
    ] = None
    on: Annotated[
        str | None,
        typer.Option(
            "--on",
            metavar="WORD",
            rich_help_panel=PANEL,
            help="HNSW, IVFFlat: index a smaller form of the vectors, and rank what it finds by "
            "the stored vectors. One of `halfvec`, `bit`, `bit2`, `bit3`, `subvector:N`, `pca:N`.",
        ),
    ] = None
    oversample: Annotated[
        float | None,
        typer.Option(
            "--oversample",
            rich_help_panel=PANEL,
            help="With `--on`, or IVFPQ: how many candidates to rank for each hit wanted.",
        ),
    ] = None
    m: Annotated[
        int | None,
        typer.Option(
            "--m", rich_help_panel=PANEL, help="HNSW: links per node, 2 to 100. Default: 16."
        ),
    ] = None
    ef_construction: Annotated[
        int | None,
        typer.Option(
            "--ef-construction",
            rich_help_panel=PANEL,
            help="HNSW: candidates kept while building, 4 to 1000. Default: 64.",
        ),
    ] = None
    ef_search: Annotated[
        int | None,
        typer.Option(
            "--ef-search",
            rich_help_panel=PANEL,
            help="HNSW: candidates kept while searching, 1 to 1000. Default: the server's, 40.",
        ),
    ] = None
    lists: Annotated[
        int | None,
        typer.Option(
            "--lists",
            rich_help_panel=PANEL,
            help="IVFFlat, IVFPQ: number of lists. Default: chosen by the number of rows.",
        ),
    ] = None
    probes: Annotated[
        int | None,
        typer.Option(
            "--probes",
            rich_help_panel=PANEL,
            help="IVFFlat, IVFPQ: lists that a search reads. Default: chosen by their number.",
        ),
    ] = None
    subvectors: Annotated[
        int | None,
        typer.Option(
            "--subvectors",
            rich_help_panel=PANEL,
            help="IVFPQ: bytes per code. Default: an eighth of the dimensions.",
        ),
    ] = None

    def spec(self) -> IndexSpec | None:
        """Return the index that the options describe, HNSW unless they name another; None: none.

        Raises:
            typer.BadParameter: an option belongs to another kind of index, or a value is wrong.
        """
        from embeddb.schema.indexes import HNSW, IVFPQ, IVFFlat

        method = self.index or Method.hnsw
        given = self._given(method)
        if method is Method.none:
            return None
        kinds: dict[Method, type[IndexSpec]] = {
            Method.hnsw: HNSW,
            Method.ivfflat: IVFFlat,
            Method.ivfpq: IVFPQ,
        }
        with usage(_named(given), IndexSpecError):
            return kinds[method](**given)

    def changed(self, record: CollectionRecord) -> IndexSpec | None:
        """Return the collection's own index with the given options changed; None: as it is.

        Raises:
            typer.BadParameter: an option belongs to another kind of index, or a value is wrong.
        """
        from dataclasses import replace

        from embeddb.pipeline.conversion.convert import default_index

        own = default_index(record)
        if own is None:
            return self.spec() if self._values() else None
        given = self._given(Method(own.method))
        if not given:
            return None
        reset = {
            follower: None
            for option, follower in _FOLLOWING.items()
            if option in given and follower not in given and hasattr(own, option)
        }
        if own.method == Method.ivfpq:
            reset.pop("oversample", None)  # it has a number of its own
        with usage(_named(given), IndexSpecError):
            return replace(own, **(reset | given))

    def _given(self, method: Method) -> dict[str, Any]:
        given = self._values()
        for name in given:
            if name not in _OPTIONS[method]:
                kind = "no index" if method is Method.none else f"an index of kind {method}"
                raise typer.BadParameter(f"It means nothing for {kind}.", param_hint=_option(name))
        return given

    def _values(self) -> dict[str, Any]:
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {
            name: value for name, value in values.items() if name != "index" and value is not None
        }


@dataclass(frozen=True, kw_only=True)
class NewIndexOptions(IndexOptions):
    """The index of a collection that is made; what is left out has its default."""

    index: Annotated[
        Method,
        typer.Option(
            ON_INDEX,
            rich_help_panel=PANEL,
            help="The kind of index; `none` searches exactly, by reading every row. It is built "
            "once the first vectors are stored.",
        ),
    ] = Method.hnsw


def _named(given: dict[str, Any]) -> str:
    return " / ".join(map(_option, given)) or ON_INDEX


def _option(name: str) -> str:
    return "--" + name.replace("_", "-")
