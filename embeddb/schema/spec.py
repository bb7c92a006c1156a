"""What is asked of an embedding: parsed, checked and defaulted here, and nowhere else."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from os import PathLike, fspath
from typing import Any, Required, TypeAlias, TypedDict, cast

from embeddb.errors import ConfigurationError
from embeddb.protocols import Encoder
from embeddb.records import ModelInfo
from embeddb.schema import indexes, layouts
from embeddb.schema.catalog import Generation, PendingForm
from embeddb.schema.chunkers import ChunkerSpec
from embeddb.schema.distances import Distance
from embeddb.schema.indexes import HNSW, IndexChoice, IndexSpec
from embeddb.schema.layouts import Layout
from embeddb.schema.storage import MAX_DIM, Storage
from embeddb.schema.transforms import TransformSpec

ModelChoice: TypeAlias = str | PathLike[str] | Encoder | Callable[..., Any] | None
"""A preset, a path, a hub name, `openai:…`, `python:…`, a SentenceTransformer, an encoder or any
callable; None where every document brings its own vector."""

TransformChoice: TypeAlias = str | Sequence[str] | TransformSpec | None
ChunkerChoice: TypeAlias = str | Mapping[str, Any] | ChunkerSpec


class EmbeddingFields(TypedDict, total=False):
    """The keywords of `EmbeddingSpec`, and of every function that creates a collection."""

    model: Required[ModelChoice]
    dim: int | None
    distance: str | Distance
    storage: str | Storage
    transform: TransformChoice
    index: IndexChoice
    chunker: ChunkerChoice
    normalize: bool
    layout: Layout | None
    partition_by: str | None


@dataclasses.dataclass(frozen=True, init=False, repr=False, slots=True)
class EmbeddingSpec:
    """How texts become vectors, and how these are stored and found.

    `Store.create_collection`, `Store.attach`, `Embedding` and Alembic's operations take its
    fields as keywords; `create_collection(name, **spec.fields())` takes a whole spec.

    Args:
        model: a preset, a path, a hub name, `openai:…`, `python:…`, an encoder or any callable;
            None where every document brings its own vector.
        dim: dimensions of your own vectors, 1 to 16000; a model knows its own.
        distance: cosine, l2, inner_product or l1; hamming or jaccard for bits.
        storage: vector (float32), halfvec (float16), int8 (one byte a dimension) or bit (the
            signs alone).
        transform: what is done to vectors before they are stored, and to queries: normalize,
            rotation, rotation:pca, rotation:itq, pca:N, matryoshka:N, autoencoder:N, or several of
            them one after the other. What has to be learned is learned from the first documents:
            until there are enough, they are stored as they come.
        index: HNSW(…), IVFFlat(…), IVFPQ(…) or their names, for their defaults; None or "exact"
            for exact search. The index is built after the first documents are in. Where pgvector
            cannot index so many dimensions, one that it can is chosen, with an
            IndexResolvedWarning.
        chunker: auto, none, text, markdown or code, or a ChunkerSpec; new chunks are encoded behind
            the headings that they stand under, unless its context is "none".
        normalize: scale vectors to length 1, those of queries too.
        layout: how the chunks lie, by one field of the metadata that searches filter by:
            HashPartitions(…), ListPartitions(…) or PartialIndexes(…); see docs/partitions.md.
        partition_by: short for layout=HashPartitions(field, 16).

    Raises:
        ConfigurationError: a value is unknown or out of its range, or two contradict each other.
        IndexSpecError, TransformError: the same of the index and of the transform.
    """

    model: ModelChoice
    dim: int | None
    distance: Distance
    storage: Storage
    transform: TransformSpec | None
    index: IndexSpec | None
    chunker: ChunkerSpec
    normalize: bool
    layout: Layout | None

    def __init__(
        self,
        *,
        model: ModelChoice,
        dim: int | None = None,
        distance: str | Distance = "cosine",
        storage: str | Storage = "vector",
        transform: TransformChoice = None,
        index: IndexChoice = HNSW(),  # noqa: B008  # frozen
        chunker: ChunkerChoice = "auto",
        normalize: bool = False,
        layout: Layout | None = None,
        partition_by: str | None = None,
    ) -> None:
        # what is written as text becomes what it stands for; a frozen class is filled this way
        for name, value in {
            "model": fspath(model) if isinstance(model, PathLike) else model,
            "dim": dim,
            "distance": distance if isinstance(distance, Distance) else Distance.named(distance),
            "storage": storage if isinstance(storage, Storage) else Storage.named(storage),
            "transform": _transform(transform),
            "index": indexes.parse(index),
            "chunker": ChunkerSpec.parse(chunker),
            "normalize": normalize,
            "layout": layouts.chosen(layout, partition_by),
        }.items():
            object.__setattr__(self, name, value)
        self._check()

    def __repr__(self) -> str:
        given = ", ".join(f"{name}={value!r}" for name, value in self.fields().items())
        return f"EmbeddingSpec({given})"

    @classmethod
    def of(cls, generation: Generation) -> EmbeddingSpec:
        """Return the spec that a generation was created for, whether or not it is that yet."""
        form = generation.wanted or generation
        return cls(
            model=generation.model.name if generation.model else None,
            dim=None if generation.model else generation.dim,
            distance=generation.distance,
            storage=form.storage,
            transform=_words(form),
            index=form.index,
            chunker=ChunkerSpec.stored(generation.chunker),
            normalize=generation.normalize,
            layout=generation.layout,
        )

    def fields(self) -> EmbeddingFields:
        """Return the keywords that make this spec; what has its default is left out."""
        given = {
            field.name: as_written(value)
            for field in dataclasses.fields(self)
            if (value := getattr(self, field.name)) != getattr(_DEFAULTS, field.name)
        }
        return cast(EmbeddingFields, {"model": self.model} | given)

    def dim_with(self, model: ModelInfo | None) -> int:
        """Return the dimensions of the vectors: the model's, or those of the caller's own.

        Raises:
            ConfigurationError: the model has another number, or one that cannot be stored.
        """
        known = self.dim if model is None else model.dim
        if self.dim is not None and self.dim != known:
            raise ConfigurationError(
                f"The model has {known} dimensions, not {self.dim}: leave dim out."
            )
        return _checked_dim(known)

    def check_metadata(self, metadata: Sequence[str]) -> None:
        """Check that a layout's field is among the metadata columns of an attached table.

        Raises:
            ConfigurationError: it is not, so no chunk would know its part.
        """
        if self.layout is not None and self.layout.field not in metadata:
            raise ConfigurationError(
                f"The collection is laid out by {self.layout.field!r}: name that column in "
                "metadata."
            )

    def _check(self) -> None:
        self.storage.check(self.distance)
        if self.model is None and self.dim is None:
            raise ConfigurationError("Without a model, say how long your vectors are: dim=….")
        if self.dim is not None:
            _checked_dim(self.dim)


def _transform(given: TransformChoice) -> TransformSpec | None:
    """Read a transform; no words at all are none."""
    return None if given in ((), []) else TransformSpec.parse(given)


def _words(form: Generation | PendingForm) -> tuple[str, ...]:
    if isinstance(form, PendingForm):
        return form.transform
    return form.transform.words if form.transform else ()


def _checked_dim(dim: object) -> int:
    if not isinstance(dim, int) or not 1 <= dim <= MAX_DIM:
        raise ConfigurationError(f"dim must be from 1 to {MAX_DIM}, not {dim!r}.")
    return dim


def as_written(value: object) -> object:
    """Return a field's value as a caller writes it."""
    match value:
        case Distance() | Storage():
            return value.label
        case TransformSpec():
            return value.to_json()
        case ChunkerSpec():
            return value.short()
        case _:
            return value


_DEFAULTS = EmbeddingSpec(model="")
