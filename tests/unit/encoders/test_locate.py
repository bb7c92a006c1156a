from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from embeddb.encoders import locate
from embeddb.encoders.locate import is_model_folder
from embeddb.errors import ModelNotFoundError


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, tiny_original: Path) -> list[object]:
    """Stand in for the hub, which tests cannot reach: `owner/tiny` is there to be fetched."""
    calls: list[object] = []

    def snapshot_download(model_id: str, **options: object) -> str:
        calls.append((model_id, options["revision"], options["local_files_only"]))
        if options["local_files_only"] or model_id != "owner/tiny":
            raise OSError("not there\nand more")
        return str(tiny_original)

    monkeypatch.setattr("huggingface_hub.snapshot_download", snapshot_download)
    return calls


def test_path_is_found_first(tiny: Path, hub: list[object]) -> None:
    location = locate(str(tiny))
    assert (location.origin, location.folder, hub) == ("path", tiny.resolve(), [])


def test_package_is_found_by_short_and_full_name() -> None:
    for name in ("all-MiniLM-L6-v2", "sentence-transformers/all-MiniLM-L6-v2"):
        location = locate(name, offline=True)
        assert location.origin == "package"
        assert is_model_folder(location.folder)


def test_hub_is_asked_after_its_cache(hub: list[object], tiny_original: Path) -> None:
    location = locate("owner/tiny@abc123")
    assert (location.origin, location.revision) == ("hub", "abc123")
    assert location.folder == tiny_original
    assert hub == [("owner/tiny", "abc123", True), ("owner/tiny", "abc123", False)]


def test_bare_name_belongs_to_sentence_transformers(hub: list[object]) -> None:
    with pytest.raises(ModelNotFoundError):
        locate("some-model")
    assert hub[0] == ("sentence-transformers/some-model", None, True)


def test_package_cannot_answer_for_a_revision(hub: list[object]) -> None:
    with pytest.raises(ModelNotFoundError):
        locate("all-MiniLM-L6-v2@0123")
    assert hub


def test_error_lists_every_place_and_the_remedy(hub: list[object]) -> None:
    with pytest.raises(ModelNotFoundError) as caught:
        locate("owner/absent", offline=True)
    message = str(caught.value)
    assert "the path owner/absent: no such folder" in message
    assert "the hub's cache: no complete copy of owner/absent" in message
    assert "working offline" in message
    assert "Remedy: " in message
    assert len(hub) == 1


def test_incomplete_cache_is_not_taken(
    monkeypatch: pytest.MonkeyPatch, tiny: Path, tmp_path: Path
) -> None:
    (tiny / "model.safetensors").unlink()
    monkeypatch.setattr("huggingface_hub.snapshot_download", lambda *a, **o: str(tiny))
    with pytest.raises(ModelNotFoundError, match="no weights"):
        locate("owner/tiny")


@pytest.mark.parametrize("name", ["/no/such/folder", "./relative", "a/b/c", "../x", "", "we ird"])
def test_path_like_name_never_reaches_the_hub(name: str, hub: list[object]) -> None:
    with pytest.raises(ModelNotFoundError, match="Tried"):
        locate(name)
    assert hub == []


def test_folder_without_model_says_so(tmp_path: Path) -> None:
    with pytest.raises(ModelNotFoundError, match="no model in it"):
        locate(str(tmp_path))


def test_folder_of_a_presets_name_is_that_preset(tiny: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(tiny, tmp_path / "bge-small-en-v1.5")
    preset = locate(str(folder)).preset
    assert preset is not None
    assert preset.model_id == "BAAI/bge-small-en-v1.5"


@pytest.mark.parametrize(
    ("name", "suggestion"),
    [
        ("all-MiniLM-L6v2", "all-MiniLM-L6-v2"),
        ("sentence-transformers/all-MiniLM-L6v2", "all-MiniLM-L6-v2"),
        ("BGE-small-en", "bge-small-en-v1.5"),
        ("text-embedding-3-small", "openai:text-embedding-3-small"),
    ],
)
def test_mistyped_preset_gets_a_suggestion(name: str, suggestion: str) -> None:
    with pytest.raises(ModelNotFoundError, match=f"Did you mean '{suggestion}'"):
        locate(name, offline=True)
