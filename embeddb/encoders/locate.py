"""Where a model's files are: a path, an installed model package, the hub's cache, the hub."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from embeddb.encoders.registry import OPENAI_DIMS, PRESETS, Preset, find_preset, preset_of_folder
from embeddb.errors import ModelNotFoundError, did_you_mean

_HUB_FILES = ["*.json", "*.txt", "*.model", "*.safetensors"]
_HUB_FILES_WITH_BIN = [*_HUB_FILES, "*.bin"]
_HUB_IGNORED = ["onnx/*", "openvino/*", "coreml/*", "gguf/*", "*.msgpack", "*/.git/*"]
"""A repository often carries the same weights in several formats; one of them is fetched."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Location:
    """A model's folder, and how it was found.

    Attributes:
        name: what the user wrote.
        origin: `path`, `package`, `cache` or `hub`.
        revision: the hub's revision that was asked for.
    """

    name: str
    folder: Path
    origin: str
    revision: str | None = None
    preset: Preset | None = None


def locate(name: str, *, offline: bool = False) -> Location:
    """Return where the files of a folder, of `name` or of `owner/name` are; `@revision` may follow.

    Raises:
        ModelNotFoundError: it is nowhere; the message lists every place tried and the remedy.
    """
    folder = Path(name).expanduser()
    if is_model_folder(folder):
        folder = folder.resolve()
        return Location(name=name, folder=folder, origin="path", preset=preset_of_folder(folder))
    tried = [f"the path {folder}: {'no model in it' if folder.is_dir() else 'no such folder'}"]
    if not _is_hub_name(name):
        raise _not_found(name, tried, offline=offline, preset=None)
    base, _, revision = name.partition("@")
    preset = find_preset(base)
    for origin, found in _candidates(base, revision or None, preset, offline, tried):
        return Location(
            name=name, folder=found, origin=origin, revision=revision or None, preset=preset
        )
    raise _not_found(name, tried, offline=offline, preset=preset)


def is_model_folder(folder: Path) -> bool:
    """Return whether a folder holds a sentence-transformers or a transformers model."""
    return (folder / "modules.json").is_file() or (folder / "config.json").is_file()


def package_folder(package: str) -> Path | None:
    """Return the model's folder in an installed package, which is not imported; None if absent."""
    spec = importlib.util.find_spec(package)
    for root in (spec.submodule_search_locations or []) if spec else []:
        folder = Path(root) / "model"
        if is_model_folder(folder):
            return folder
    return None


def _candidates(
    base: str, revision: str | None, preset: Preset | None, offline: bool, tried: list[str]
) -> Iterator[tuple[str, Path]]:
    """Yield (origin, folder) in order of preference, noting in `tried` what was not there."""
    # A package carries one revision and cannot answer for another.
    if preset and preset.package and revision is None:
        if folder := package_folder(preset.package):
            yield "package", folder
        tried.append(f"the package {preset.package}: not installed")
    model_id = preset.model_id if preset else base
    if "/" not in model_id:
        model_id = f"sentence-transformers/{model_id}"
    label = f"{model_id}@{revision}" if revision else model_id
    cached = _snapshot(model_id, revision, local_only=True)
    if isinstance(cached, Path):
        yield "cache", cached
    tried.append(f"the hub's cache: no complete copy of {label}")
    if offline:
        tried.append(f"the hub: not asked for {label}, working offline")
        return
    fetched = _snapshot(model_id, revision, local_only=False)
    if isinstance(fetched, Path):
        yield "hub", fetched
    else:
        tried.append(f"the hub: {label}: {fetched}")


def _snapshot(model_id: str, revision: str | None, *, local_only: bool) -> Path | str:
    """Return the folder of a complete snapshot, or the reason why there is none."""
    # huggingface_hub costs 0.7 s to import; a path or a package needs none of it.
    from huggingface_hub import snapshot_download

    for patterns in (_HUB_FILES, _HUB_FILES_WITH_BIN):
        try:
            folder = snapshot_download(
                model_id,
                revision=revision,
                local_files_only=local_only,
                allow_patterns=patterns,
                ignore_patterns=_HUB_IGNORED,
            )
        except (OSError, ValueError) as error:
            return f"{type(error).__name__}: {str(error).strip().splitlines()[0]}"
        if _has_weights(Path(folder)):
            return Path(folder)
    return "the repository holds no weights in safetensors or .bin"


def _has_weights(folder: Path) -> bool:
    patterns = ("*.safetensors", "*/*.safetensors", "*.bin", "*/*.bin")
    return is_model_folder(folder) and any(any(folder.glob(pattern)) for pattern in patterns)


def _is_hub_name(name: str) -> bool:
    """Return whether a name could be a repository's (`name` or `owner/name`), not a path."""
    base = name.partition("@")[0]
    parts = base.split("/")
    return len(parts) <= 2 and all(
        part and part[0].isalnum() and all(c.isalnum() or c in "-_." for c in part)
        for part in parts
    )


def _not_found(
    name: str, tried: list[str], *, offline: bool, preset: Preset | None
) -> ModelNotFoundError:
    remedies = ["give the path of a folder that holds the model"]
    if preset and preset.package:
        remedies.append(f"`pip install {preset.package.replace('_', '-')}`")
    if offline:
        remedies.append("work online once so that the model is fetched from the hub")
    known = [*(preset.name for preset in PRESETS), *(f"openai:{model}" for model in OPENAI_DIMS)]
    near = "" if preset else did_you_mean(name.rpartition("/")[2].partition("@")[0], known)
    lines = "".join(f"\n  - {place}" for place in tried)
    return ModelNotFoundError(
        f"Model {name!r} was not found.{near} Tried:{lines}\nRemedy: {', or '.join(remedies)}."
    )
