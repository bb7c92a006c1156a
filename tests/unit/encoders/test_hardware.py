from __future__ import annotations

from pathlib import Path

import pytest

from embeddb.encoders import hardware
from embeddb.encoders.hardware import best_dtype, cpu_flags, likely_device


def cpuinfo(path: Path, line: str) -> Path:
    path.write_text(f"processor\t: 0\n{line}\n")
    return path


@pytest.mark.parametrize(
    ("line", "dtype"),
    [
        ("flags\t\t: fpu avx2 fma", "float32"),
        ("flags\t\t: fpu avx512f avx512_bf16", "bfloat16"),
        ("flags\t\t: fpu amx_bf16 amx_tile", "bfloat16"),
        ("Features\t: fp asimd bf16", "bfloat16"),
        ("model name\t: unknown", "float32"),
    ],
)
def test_cpu_computes_in_bf16_only_where_native(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: str, dtype: str
) -> None:
    path = cpuinfo(tmp_path / "cpuinfo", line)
    monkeypatch.setattr(hardware, "cpu_flags", lambda: cpu_flags(path))
    assert best_dtype("cpu") == dtype


def test_system_that_tells_nothing_has_no_flags(tmp_path: Path) -> None:
    assert cpu_flags(tmp_path / "absent") == frozenset()


@pytest.mark.parametrize("device", ["cuda", "cuda:1", "mps"])
def test_gpus_compute_in_float16_unless_the_model_overflows(device: str) -> None:
    assert best_dtype(device, "bert") == "float16"
    assert best_dtype(device, "gemma3_text") == "bfloat16"


def test_likely_device_needs_driver_and_build(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    driver = tmp_path / "version"
    driver.write_text("")
    monkeypatch.setattr(hardware, "_NVIDIA", driver)
    monkeypatch.setattr(hardware, "_torch_version", lambda: "2.13.0+cu130")
    assert likely_device() == "cuda"
    monkeypatch.setattr(hardware, "_torch_version", lambda: "2.13.0+cpu")
    monkeypatch.setattr("platform.system", lambda: "Linux")
    assert likely_device() == "cpu"
    monkeypatch.setattr("platform.system", lambda: "Darwin")
    monkeypatch.setattr("platform.machine", lambda: "arm64")
    assert likely_device() == "mps"
