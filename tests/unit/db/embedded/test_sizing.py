"""The embedded server's settings follow the machine."""

from __future__ import annotations

from embeddb.db.embedded.machine import Machine
from embeddb.db.embedded.sizing import GB, MB, render, settings


def _settings(memory: int, cores: int = 4) -> dict[str, int]:
    """Return the settings that are numbers or sizes, sizes in MB."""
    machine = Machine(memory=memory, cores=cores, shared=None, disk=100 * GB)
    plain = {name: text.removesuffix("MB") for name, text in settings(machine).items()}
    return {name: int(text) for name, text in plain.items() if text.isdigit()}


def test_a_laptop_gives_a_quarter_to_the_cache() -> None:
    sizes = _settings(16 * GB)
    assert sizes["shared_buffers"] == 4096
    assert sizes["maintenance_work_mem"] == 2048
    assert sizes["max_parallel_maintenance_workers"] == 3


def test_a_large_machine_is_not_taken_whole() -> None:
    assert _settings(1024 * GB, cores=96)["shared_buffers"] == 8192
    assert _settings(1024 * GB, cores=96)["max_parallel_maintenance_workers"] == 15


def test_a_small_container_stays_within_its_memory() -> None:
    sizes = _settings(512 * MB, cores=1)
    assert sizes["shared_buffers"] + sizes["maintenance_work_mem"] < 256
    assert sizes["max_parallel_maintenance_workers"] == 0


def test_an_index_build_does_not_depend_on_a_small_shared_memory() -> None:
    machine = Machine(memory=16 * GB, cores=4, shared=64 * MB, disk=100 * GB)
    assert settings(machine)["dynamic_shared_memory_type"] == "sysv"
    roomy = Machine(memory=16 * GB, cores=4, shared=8 * GB, disk=100 * GB)
    assert "dynamic_shared_memory_type" not in settings(roomy)


def test_a_setting_is_quoted() -> None:
    assert "path = 'it''s'\n" in render({"path": "it's"})
