"""A digest of everything that moves a model's vectors: weights, tokenizer, settings.

Paths, dtype, file dates and text such as `transformers_version` do not count, so the same model
from a path, a package or the hub has one fingerprint.
"""

from __future__ import annotations

import hashlib
import json
from functools import lru_cache
from pathlib import Path
from typing import Any

from embeddb.encoders.description import Description, Module, pooling_modes
from embeddb.errors import ModelError

_WEIGHTS = (
    ("model.safetensors", "model-*-of-*.safetensors", "adapter_model.safetensors"),
    ("pytorch_model.bin", "pytorch_model-*-of-*.bin", "adapter_model.bin"),
)
"""Names of weights, the preferred format first: a folder may hold both."""

_VOCABULARIES = (
    "vocab.txt",
    "vocab.json",
    "merges.txt",
    "sentencepiece.bpe.model",
    "spiece.model",
    "tokenizer.model",
)

_ARCHITECTURE = (
    "model_type",
    "hidden_act",
    "hidden_activation",
    "layer_norm_eps",
    "rms_norm_eps",
    "norm_eps",
    "num_attention_heads",
    "num_key_value_heads",
    "rope_theta",
    "rope_scaling",
    "rope_parameters",
    "sliding_window",
)
"""Keys of `config.json` that change a vector although the weights stay the same."""


def fingerprint(description: Description, *, query: str, document: str, normalized: bool) -> str:
    """Return the fingerprint of a model with these prompts and normalization: 64 hex digits.

    Raises:
        ModelError: the folder holds no weights.
    """
    digests = [_digest_file(path) for path in weight_files(description)]
    if not digests:
        raise ModelError(
            f"There are no weights (safetensors or .bin) in {description.folder}: check that the "
            "download is complete."
        )
    facts = {
        "weights": digests,
        "tokenizer": [_digest_file(path) for path in _tokenizer_files(description.text_folder)],
        "modules": [_module_facts(module) for module in description.modules],
        "architecture": _present(description.transformer, _ARCHITECTURE),
        "max_tokens": description.max_tokens,
        "truncate_dim": description.truncate_dim,
        "lower_case": description.lower_case,
        "query_prompt": query,
        "document_prompt": document,
        "normalized": normalized,
    }
    return digest(facts)


def digest(facts: dict[str, Any]) -> str:
    """Return a hash of facts through their canonical JSON: 64 hex digits."""
    text = json.dumps(facts, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()


def weight_files(description: Description) -> list[Path]:
    """Return the weight files in the order of the modules, one format for each folder."""
    folders = dict.fromkeys(module.folder for module in description.modules)
    return [path for folder in folders for path in _folder_weights(folder)]


def _folder_weights(folder: Path) -> list[Path]:
    for patterns in _WEIGHTS:
        found = sorted(path for pattern in patterns for path in folder.glob(pattern))
        if found:
            return found
    return []


def _tokenizer_files(folder: Path) -> list[Path]:
    whole = folder / "tokenizer.json"
    if whole.is_file():
        return [whole]
    return [folder / name for name in _VOCABULARIES if (folder / name).is_file()]


def _module_facts(module: Module) -> dict[str, Any]:
    """Return what moves a vector in a module, alike for old and new spellings of its config."""
    config = module.config
    if module.kind == "Pooling":
        include = config.get("include_prompt", True)
        return {"kind": "Pooling", "modes": pooling_modes(config), "include_prompt": include}
    if module.kind == "Dense":
        activation = str(config.get("activation_function", "Tanh")).rpartition(".")[2]
        keys = ("in_features", "out_features", "bias", "use_residual")
        return {"kind": "Dense", "activation": activation, **_present(config, keys)}
    return {"kind": module.kind}


def _present(config: dict[str, Any], keys: tuple[str, ...]) -> dict[str, Any]:
    return {key: config[key] for key in keys if config.get(key) is not None}


def _digest_file(path: Path) -> str:
    status = path.stat()
    return _digest_version(str(path.resolve()), status.st_mtime_ns, status.st_size)


@lru_cache(maxsize=256)
def _digest_version(path: str, mtime_ns: int, size: int) -> str:
    """Hash a file once in a process (90 MB take 0.1 s), again when its date or size changed."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
