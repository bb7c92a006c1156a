"""Limits of control groups, of both versions, as the kernel writes them."""

from __future__ import annotations

from pathlib import Path

import pytest

from embeddb.db.embedded import machine


def _write(folder: Path, **files: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(text + "\n")
    return folder


def test_memory_limits_are_read_and_max_is_none(tmp_path: Path) -> None:
    outer = _write(tmp_path / "outer", memory__max="1073741824")
    inner = _write(tmp_path / "inner", memory__max="max")
    old = _write(tmp_path / "old", memory__limit_in_bytes="2147483648")
    assert machine.memory_limits([outer, inner, old]) == [2**30, 2**31]


def test_a_part_of_a_processor_counts_as_one(tmp_path: Path) -> None:
    half = _write(tmp_path / "half", cpu__max="50000 100000")
    three = _write(tmp_path / "three", cpu__cfs_quota_us="300000", cpu__cfs_period_us="100000")
    free = _write(tmp_path / "free", cpu__max="max 100000")
    unlimited = _write(tmp_path / "old", cpu__cfs_quota_us="-1", cpu__cfs_period_us="100000")
    assert machine.processor_limits([half, three, free, unlimited]) == [1, 3]


def test_limits_of_outer_groups_hold_as_well(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = tmp_path / "own"
    own.write_text("0::/service/job\n")
    _write(tmp_path / "mount" / "service", memory__max="100000000", cpu__max="100000 100000")
    _write(tmp_path / "mount" / "service" / "job", memory__max="max")
    monkeypatch.setattr(machine, "_OWN_CGROUPS", own)
    monkeypatch.setattr(machine, "_CGROUPS", tmp_path / "mount")
    measured = machine.measure(tmp_path)
    assert (measured.memory, measured.cores) == (100_000_000, 1)


def test_a_machine_without_control_groups_is_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine, "_OWN_CGROUPS", tmp_path / "none")
    measured = machine.measure(tmp_path)
    assert measured.memory > 0
    assert measured.cores >= 1
    assert measured.disk > 0
