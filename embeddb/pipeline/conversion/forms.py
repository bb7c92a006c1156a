"""The form that a collection's vectors take: what is asked for, checked, and what it begins as."""

from __future__ import annotations

import warnings
from dataclasses import replace

from embeddb.db.database import Database
from embeddb.errors import IndexResolvedWarning, TransformError
from embeddb.pipeline.generation.form import keep_transform
from embeddb.schema.catalog import Generation, PendingForm, TransformInfo
from embeddb.schema.index_rules import resolve_index
from embeddb.schema.indexes import IndexSpec
from embeddb.schema.storage import Storage
from embeddb.transforms import TransformSpec, fit


def first_form(database: Database, asked: Generation, spec: TransformSpec | None) -> Generation:
    """Give the first generation of a collection that is to be as asked.

    A transform that has to learn is not there yet: the first documents are stored as they come,
    without an index, and converted once there are enough of them.

    Raises:
        ConfigurationError: what is asked for contradicts itself.
    """
    asked.storage.check(asked.distance)
    if spec is None:
        return _with_index(asked)
    spec.check(asked.dim, asked.distance.label)
    if not spec.needs_fit:
        transform = fit(spec, None, input_dim=asked.dim, distance=asked.distance.label)
        _with_index(replace(asked, transform=expected(spec, asked.dim)))
        return _with_index(replace(asked, transform=keep_transform(database, transform)))
    if asked.storage is Storage.BIT:
        raise TransformError(
            f"{', '.join(spec.words)} is learned from vectors, and bits keep none to learn from: "
            "create the collection with storage='vector', add documents, and then "
            "collection.convert(storage='bit', distance='hamming', transform=…)."
        )
    final = _with_index(replace(asked, transform=expected(spec, asked.dim)))
    wanted = PendingForm(storage=asked.storage, transform=spec.words, index=final.index)
    return replace(asked, storage=Storage.VECTOR, index=None, wanted=wanted)


def expected(spec: TransformSpec, dim: int) -> TransformInfo:
    """Say what a transform will be like before it is fitted, as far as indexes need to know."""
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
    """Give the index that can be built for a generation, and warn where it is another one.

    Raises:
        IndexSpecError: there is none like it.
    """
    if index is None:
        return None
    resolved, note = resolve_index(index, generation)
    if note:
        warnings.warn(note, IndexResolvedWarning, stacklevel=4)
    return resolved


def _with_index(generation: Generation) -> Generation:
    return replace(generation, index=checked_index(generation.index, generation))
