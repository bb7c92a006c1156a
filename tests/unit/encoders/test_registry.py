from __future__ import annotations

from pathlib import Path

import pytest

from embeddb.encoders import PRESETS, find_preset
from embeddb.encoders.registry import preset_of_folder


def test_names_are_unique() -> None:
    names = [name.lower() for preset in PRESETS for name in {preset.name, preset.model_id}]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("preset", PRESETS, ids=lambda preset: preset.name)
def test_preset_resolves_by_both_names(preset: object) -> None:
    name, model_id = getattr(preset, "name"), getattr(preset, "model_id")  # noqa: B009
    assert find_preset(name) is find_preset(model_id) is find_preset(name.upper()) is preset


def test_unknown_name_is_no_preset() -> None:
    assert find_preset("no-such-model") is None


@pytest.mark.parametrize(
    "folder",
    ["/models/e5-small-v2", "/hub/models--intfloat--e5-small-v2/snapshots/0123abcd"],
)
def test_copy_on_disk_keeps_its_prompts(folder: str) -> None:
    preset = preset_of_folder(Path(folder))
    assert preset is not None
    assert (preset.query_prompt, preset.document_prompt) == ("query: ", "passage: ")


def test_other_folder_is_no_preset() -> None:
    assert preset_of_folder(Path("/models/mine")) is None
