"""Options that several commands share."""

from __future__ import annotations

from typing import Annotated, TypeAlias

import typer

Dsn: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--dsn", metavar="URL", help="The server. Else EMBEDDB_DSN, else the embedded server."
    ),
]
Schema: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--schema", metavar="NAME", help="Where embeddb's tables are. Else EMBEDDB_SCHEMA, embeddb."
    ),
]
AsJson: TypeAlias = Annotated[
    bool, typer.Option("--json", help="Print one JSON document instead of tables.")
]
Yes: TypeAlias = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
Name: TypeAlias = Annotated[
    str, typer.Argument(metavar="COLLECTION", help="The collection's name.", show_default=False)
]
Limit: TypeAlias = Annotated[int, typer.Option("--limit", "-n", min=1, help="How many chunks.")]
Filter: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--filter",
        metavar="JSON",
        help='Only documents whose metadata pass, e.g. \'{"year": {"$gte": 2020}}\'; '
        "@FILE reads a file.",
    ),
]
HNSWLinks: TypeAlias = Annotated[
    int | None, typer.Option("--m", help="HNSW: links per node, 2 to 100 [16].")
]
HNSWBuild: TypeAlias = Annotated[
    int | None,
    typer.Option("--ef-construction", help="HNSW: candidates while building, 4 to 1000 [64]."),
]
HNSWSearch: TypeAlias = Annotated[
    int | None,
    typer.Option("--ef-search", help="HNSW: candidates while searching, 1 to 1000 [40]."),
]
Lists: TypeAlias = Annotated[
    int | None, typer.Option("--lists", help="IVFFlat, IVFPQ: lists; by default from the rows.")
]
Probes: TypeAlias = Annotated[
    int | None, typer.Option("--probes", help="IVFFlat, IVFPQ: lists read by a search.")
]
Subvectors: TypeAlias = Annotated[
    int | None, typer.Option("--subvectors", help="IVFPQ: bytes of a code; else from the dim.")
]
IndexOn: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--on",
        metavar="WORD",
        help="HNSW, IVFFlat: index something smaller, and rescore what it finds: halfvec, bit, "
        "bit2, bit3, subvector:N or pca:N.",
    ),
]
Oversample: TypeAlias = Annotated[
    float | None,
    typer.Option("--oversample", help="With --on, or IVFPQ: candidates for each row wanted."),
]


def confirm(question: str, *, yes: bool) -> None:
    """Ask before something is destroyed; without a yes the command ends here, with exit code 1."""
    if not yes:
        typer.confirm(question, abort=True, err=True)
