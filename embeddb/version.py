"""The version, for whoever must name it without importing everything else."""

from __future__ import annotations

__version__ = "0.1.0"
