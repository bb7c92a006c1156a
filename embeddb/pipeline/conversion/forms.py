"""From what is asked of an embedding to the form that its vectors take first."""

from __future__ import annotations

import warnings
from dataclasses import replace

from embeddb.db.database import TransactionSource
from embeddb.errors import IndexResolvedWarning, TransformError
from embeddb.pipeline.generation.form import keep_transform
from embeddb.records import ModelInfo
from embeddb.schema.catalog import Generation, PendingForm, TransformInfo
from embeddb.schema.index_rules import resolve_index
from embeddb.schema.indexes import IndexSpec
from embeddb.schema.spec import EmbeddingSpec
from embeddb.schema.storage import Storage
from embeddb.transforms import TransformSpec, fit


def first_generation(
    database: TransactionSource, spec: EmbeddingSpec, model: ModelInfo | None
) -> Generation:
    """Return the generation that a collection begins with.

    A transform that has to learn is not there yet: the first documents are stored as they come,
    without an index, and converted once there are enough of them.

    Args:
        database: where a transform that learns nothing is kept.
        spec: what is asked for.
        model: what the spec's model turned out to be; None where the vectors are the caller's own.

    Raises:
        ConfigurationError: the spec does not suit the model's dimensions.
        TransformError, IndexSpecError: the same of its transform and of its index.
    """
    asked = Generation(
        number=1,
        dim=spec.dim_with(model),
        distance=spec.distance,
        storage=spec.storage,
        model=model,
        normalize=spec.normalize,
        chunker=spec.chunker.to_json(),
        index=spec.index,
        state="active",
        layout=spec.layout,
    )
    transform = spec.transform
    if transform is None:
        return _with_index(asked)
    transform.check(asked.dim, asked.distance.label)
    if transform.needs_fit and asked.storage is Storage.BIT:
        raise TransformError(
            f"{', '.join(transform.words)} is learned from vectors, and bits keep none to learn "
            "from: create the collection with storage='vector', add documents, and then "
            "collection.convert(storage='bit', distance='hamming', transform=…)."
        )
    # the index is checked against what the transform gives, before anything is written
    final = _with_index(replace(asked, transform=expected(transform, asked.dim)))
    if not transform.needs_fit:
        fitted = fit(transform, None, input_dim=asked.dim, distance=asked.distance.label)
        return replace(final, transform=keep_transform(database, fitted))
    wanted = PendingForm(storage=asked.storage, transform=transform.words, index=final.index)
    return replace(asked, storage=Storage.VECTOR, index=None, wanted=wanted)


def expected(spec: TransformSpec, dim: int) -> TransformInfo:
    """Return what is known of a transform before it is fitted: all that indexes depend on."""
    rotations = all(word.startswith("rotation") for word in spec.words)
    return TransformInfo(
        id=0,
        words=spec.words,
        dim=spec.output_dim(dim),
        fingerprint="",
        leading=spec.leading,
        unit=spec.unit,
        isometric=rotations,
    )


def checked_index(index: IndexSpec | None, generation: Generation) -> IndexSpec | None:
    """Return the index that can be built for a generation; warn where it is another one.

    Raises:
        IndexSpecError: pgvector has none like it.
    """
    if index is None:
        return None
    resolved, note = resolve_index(index, generation)
    if note:
        warnings.warn(note, IndexResolvedWarning, stacklevel=4)
    return resolved


def _with_index(generation: Generation) -> Generation:
    return replace(generation, index=checked_index(generation.index, generation))
