"""Quantizers: vectors as a few bytes or bits, which plain Postgres can compare."""

from __future__ import annotations

from embeddb.quantizers.ivfpq import IVFPQCodebook
from embeddb.quantizers.sizing import default_lists, default_subvectors, imbalance
from embeddb.quantizers.thermometer import Thermometer
from embeddb.quantizers.training import train

__all__ = [
    "IVFPQCodebook",
    "Thermometer",
    "default_lists",
    "default_subvectors",
    "imbalance",
    "train",
]
