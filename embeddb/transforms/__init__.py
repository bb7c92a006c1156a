"""Transforms: what is done to the model's vectors before they are stored."""

from __future__ import annotations

from embeddb.schema.transforms import TransformSpec
from embeddb.transforms.fit import fit
from embeddb.transforms.store import dump, load
from embeddb.transforms.transform import Transform

__all__ = ["Transform", "TransformSpec", "dump", "fit", "load"]
