"""What this machine computes fastest, found out without importing torch."""

from __future__ import annotations

import importlib.metadata
import platform
from functools import lru_cache
from pathlib import Path

from embeddb.errors import ConfigurationError

DTYPES = ("float32", "bfloat16", "float16")

_CPUINFO = Path("/proc/cpuinfo")
_NVIDIA = Path("/proc/driver/nvidia/version")
_NATIVE_BF16 = frozenset({"avx512_bf16", "amx_bf16", "bf16"})
"""CPU flags for bf16 products in hardware: x86, x86 tiles, Arm. Emulated, bf16 is 6x slower."""

_OVERFLOWS_FLOAT16 = frozenset({"gemma3", "gemma3_text", "t5", "mt5"})
"""Model types whose activations leave float16's range and come out as NaN."""


@lru_cache(maxsize=4)
def cpu_flags(path: Path = _CPUINFO) -> frozenset[str]:
    """Return the CPU's feature flags, or none where the system does not list them."""
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return frozenset()
    for line in lines:
        key, _, value = line.partition(":")
        if key.strip().lower() in {"flags", "features"}:
            return frozenset(value.split())
    return frozenset()


def likely_device() -> str:
    """Return the device that torch will probably choose: `cuda`, `mps` or `cpu`."""
    if _NVIDIA.exists() and not _torch_version().endswith("+cpu"):
        return "cuda"
    if platform.system() == "Darwin" and platform.machine() == "arm64":
        return "mps"
    return "cpu"


def best_dtype(device: str, model_type: str = "") -> str:
    """Return the dtype to compute in: the fastest that the device has and the model can stand."""
    if device.partition(":")[0] in {"cuda", "mps"}:
        return "bfloat16" if model_type in _OVERFLOWS_FLOAT16 else "float16"
    return "bfloat16" if device == "cpu" and cpu_flags() & _NATIVE_BF16 else "float32"


def check_dtype(dtype: str | None) -> str | None:
    """Check the name of a dtype, and return it; None stays None.

    Raises:
        ConfigurationError: it is none of `DTYPES`.
    """
    if dtype is not None and dtype not in DTYPES:
        raise ConfigurationError(f"Unknown dtype {dtype!r}: choose one of {', '.join(DTYPES)}.")
    return dtype


def _torch_version() -> str:
    try:
        return importlib.metadata.version("torch")
    except importlib.metadata.PackageNotFoundError:
        return "+cpu"
