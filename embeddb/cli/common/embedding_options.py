"""The options of what a collection makes of texts and vectors."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated, Any, TypeAlias

import typer

from embeddb.cli.common.failure import usage
from embeddb.cli.common.index_options import ON_INDEX
from embeddb.errors import IndexSpecError, TransformError

PANEL = "Vectors"
CHUNKS = "Chunks"
MODELS = (
    "a preset, a path, a name on the Hugging Face hub, `openai:MODEL` or `python:MODULE:FUNCTION`"
)

DistanceName: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--distance",
        metavar="NAME",
        rich_help_panel=PANEL,
        help="How vectors are compared: `cosine`, `l2`, `inner_product` or `l1`; of `bit` "
        "vectors `hamming` or `jaccard`.",
    ),
]
StorageKind: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--storage",
        metavar="KIND",
        rich_help_panel=PANEL,
        help="How vectors are stored: `vector` (float32), `halfvec` (float16), `int8` (one byte "
        "per dimension) or `bit` (signs only).",
    ),
]


@dataclass(frozen=True, kw_only=True)
class FormOptions:
    """The form in which vectors are stored; what is left out stays as it is."""

    distance: DistanceName = None
    storage: StorageKind = None
    transform: Annotated[
        list[str] | None,
        typer.Option(
            "--transform",
            metavar="WORD",
            rich_help_panel=PANEL,
            help="Applied to vectors before they are stored, and to queries: `normalize`, "
            "`rotation`, `rotation:pca`, `rotation:itq`, `pca:N`, `matryoshka:N` or "
            "`autoencoder:N`. May be repeated.",
        ),
    ] = None

    def arguments(self) -> dict[str, Any]:
        """Return the options as the methods of a store and of a collection take them.

        Raises:
            typer.BadParameter: a word is unknown, or the words contradict each other.
        """
        from embeddb.schema.distances import Distance
        from embeddb.schema.storage import Storage
        from embeddb.transforms import TransformSpec

        with usage("--distance"):
            distance = None if self.distance is None else Distance.named(self.distance)
        with usage("--storage"):
            kind = None if self.storage is None else Storage.named(self.storage)
            if kind is not None and distance is not None:
                kind.check(distance)
        with usage("--transform"):
            TransformSpec.parse(self.transform or None)
        return {
            "distance": self.distance,
            "storage": self.storage,
            "transform": self.transform or None,
        }


@dataclass(frozen=True, kw_only=True)
class EmbeddingOptions(FormOptions):
    """What a collection that is made stores of a text; what is left out has its default."""

    distance: DistanceName = "cosine"
    storage: StorageKind = "vector"
    chunker: Annotated[
        str,
        typer.Option(
            "--chunker",
            metavar="KIND",
            rich_help_panel=CHUNKS,
            help="How texts are cut: `auto` (by the kind of file), `none`, `text`, `markdown` or "
            "`code`.",
        ),
    ] = "auto"
    max_tokens: Annotated[
        int | None,
        typer.Option(
            "--max-tokens",
            rich_help_panel=CHUNKS,
            help="The longest chunk, in tokens of the model. Default: chosen by the model.",
        ),
    ] = None
    overlap: Annotated[
        int | None,
        typer.Option(
            "--overlap",
            rich_help_panel=CHUNKS,
            help="How many tokens neighbouring chunks share.",
        ),
    ] = None
    context: Annotated[
        str | None,
        typer.Option(
            "--context",
            metavar="KIND",
            rich_help_panel=CHUNKS,
            help="What is put before a chunk when it is encoded: `headings` (title and headings, "
            "or class and signature; the default) or `none`.",
        ),
    ] = None

    def arguments(self) -> dict[str, Any]:
        """Return the options as `create_collection` and `attach` take them.

        Raises:
            typer.BadParameter: a word is unknown, or the words contradict each other.
        """
        chunker = {
            "kind": self.chunker,
            "max_tokens": self.max_tokens,
            "overlap": self.overlap,
            "context": self.context,
        }
        return super().arguments() | {"chunker": chunker}


@contextmanager
def refused() -> Iterator[None]:
    """Report an index or a transform that does not fit the collection as a wrong use, exit code 2.

    Whether they fit is known only once the model or the collection is at hand.
    """
    with usage(ON_INDEX, IndexSpecError), usage("--transform", TransformError):
        yield
