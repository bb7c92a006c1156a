"""What a model's files say about it, read without torch, transformers or the weights."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from embeddb.errors import ModelError

JsonObject = dict[str, Any]

_LEGACY_POOLING = {
    "pooling_mode_cls_token": "cls",
    "pooling_mode_max_tokens": "max",
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_mean_sqrt_len_tokens": "mean_sqrt_len_tokens",
    "pooling_mode_weightedmean_tokens": "weightedmean",
    "pooling_mode_lasttoken": "lasttoken",
}
_UNLIMITED_TOKENS = 1_000_000
"""Tokenizers without a limit carry 1e30 in its place."""

_OFFSET_POSITIONS = frozenset({"roberta", "xlm-roberta", "camembert", "mpnet"})
"""Model types that spend the first two position embeddings on padding."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Module:
    """One stage of a model: its class's bare name, its folder and its config."""

    kind: str
    folder: Path
    config: JsonObject


@dataclass(frozen=True, kw_only=True, slots=True)
class Description:
    """A model, as its files describe it.

    Attributes:
        transformer: `config.json` of the first module.
        truncate_dim: the model keeps only so many leading dimensions.
        similarity: what its vectors are compared by: cosine, dot, euclidean or manhattan.
    """

    folder: Path
    modules: tuple[Module, ...]
    transformer: JsonObject
    dim: int
    max_tokens: int | None
    query_prompt: str
    document_prompt: str
    normalized: bool
    truncate_dim: int | None
    lower_case: bool
    similarity: str | None = None

    @property
    def model_type(self) -> str:
        """The architecture's name, empty if it has none."""
        return str(self.transformer.get("model_type", ""))

    @property
    def text_folder(self) -> Path:
        """Where the tokenizer lies."""
        return self.modules[0].folder


def describe(folder: Path) -> Description:
    """Return the description of the model in a folder.

    Raises:
        ModelError: the files do not say enough, or are not JSON.
    """
    modules = _modules(folder)
    first = modules[0]
    options = read_json(folder / "config_sentence_transformers.json")
    settings = _transformer_settings(first.folder)
    prompts = {key: value or "" for key, value in (options.get("prompts") or {}).items()}
    truncate_dim = options.get("truncate_dim")
    dim = _dim(folder, modules)
    return Description(
        folder=folder,
        modules=modules,
        transformer=first.config,
        dim=min(dim, truncate_dim) if truncate_dim else dim,
        max_tokens=_max_tokens(first, settings),
        query_prompt=prompts.get("query", ""),
        document_prompt=next(
            (prompts[key] for key in ("document", "passage", "corpus") if prompts.get(key)), ""
        ),
        normalized=_normalized(modules) and not (truncate_dim and truncate_dim < dim),
        truncate_dim=truncate_dim,
        lower_case=bool(settings.get("do_lower_case")),
        similarity=options.get("similarity_fn_name"),
    )


def pooling_modes(config: JsonObject) -> tuple[str, ...]:
    """Return a pooling module's modes, whether its config has the old flags or the new key."""
    mode = config.get("pooling_mode")
    if mode is not None:
        return (mode,) if isinstance(mode, str) else tuple(mode)
    flags = tuple(name for key, name in _LEGACY_POOLING.items() if config.get(key))
    return flags or ("mean",)


def read_json(path: Path) -> JsonObject:
    """Read a JSON object; an absent file is an empty one.

    Raises:
        ModelError: the file is there and holds no JSON object.
    """
    value = _read(path, {})
    if not isinstance(value, dict):
        raise ModelError(f"{path} does not hold a JSON object")
    return value


def _read(path: Path, default: Any) -> Any:  # noqa: ANN401  (what JSON holds is not known)
    if not path.is_file():
        return default
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ModelError(f"{path} is not valid JSON: {error}") from error


def _modules(folder: Path) -> tuple[Module, ...]:
    listed = _read(folder / "modules.json", [])
    if not listed:
        return _plain_transformer(folder)
    return tuple(
        Module(
            kind=str(entry["type"]).rpartition(".")[2],
            folder=folder / entry["path"],
            # In the model's own folder, config.json belongs to the transformer alone.
            config=read_json(folder / entry["path"] / "config.json")
            if entry["path"] or position == 0
            else {},
        )
        for position, entry in enumerate(listed)
    )


def _plain_transformer(folder: Path) -> tuple[Module, ...]:
    """Return the modules of a bare transformers model, as sentence-transformers wraps it."""
    config = read_json(folder / "config.json")
    architecture = (config.get("architectures") or [""])[0]
    causal = architecture.endswith("ForCausalLM") and config.get("is_causal", True)
    pooling = {
        "embedding_dimension": config.get("hidden_size"),
        "pooling_mode": "lasttoken" if causal else "mean",
    }
    return (
        Module(kind="Transformer", folder=folder, config=config),
        Module(kind="Pooling", folder=folder, config=pooling),
    )


def _dim(folder: Path, modules: tuple[Module, ...]) -> int:
    dim: int | None = None
    for module in modules:
        dim = _module_dim(module) or dim
    if dim is None:
        raise ModelError(
            f"The files in {folder} do not say what dimension the model's vectors have: check that "
            "the download is complete."
        )
    return dim


def _module_dim(module: Module) -> int | None:
    """Return a module's output dimension, or None if it does not change the dimension."""
    config = module.config
    if module.kind == "Pooling":
        width = config.get("embedding_dimension") or config.get("word_embedding_dimension")
        return int(width) * len(pooling_modes(config)) if width else None
    if module.kind == "Dense":
        output = config.get("module_output_name") or config.get("module_input_name")
        return int(config["out_features"]) if output in (None, "sentence_embedding") else None
    if module.kind == "StaticEmbedding":
        return _static_dim(module.folder / "model.safetensors")
    for key in ("projection_dim", "hidden_size"):
        if isinstance(config.get(key), int):
            return int(config[key])
    return None


def _static_dim(path: Path) -> int | None:
    """Read the width of an embedding table from the header of its safetensors file."""
    if not path.is_file():
        return None
    with path.open("rb") as file:
        header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
    shapes = [header[key]["shape"] for key in ("embedding.weight", "embeddings") if key in header]
    return int(shapes[0][1]) if shapes else None


def _transformer_settings(folder: Path) -> JsonObject:
    for path in sorted(folder.glob("sentence_*_config.json")):
        return read_json(path)
    return {}


def _max_tokens(first: Module, settings: JsonObject) -> int | None:
    if first.kind == "StaticEmbedding":
        return None
    if settings.get("max_seq_length"):
        return int(settings["max_seq_length"])
    limits = [
        read_json(first.folder / "tokenizer_config.json").get("model_max_length"),
        _positions(first.config),
    ]
    known = [int(limit) for limit in limits if limit and 0 < limit < _UNLIMITED_TOKENS]
    return min(known, default=None)


def _positions(config: JsonObject) -> int | None:
    text = config.get("text_config")
    positions = (text if isinstance(text, dict) else config).get("max_position_embeddings")
    if not positions:
        return None
    return int(positions) - (2 if config.get("model_type") in _OFFSET_POSITIONS else 0)


def _normalized(modules: tuple[Module, ...]) -> bool:
    """Return whether the vectors leave the model with length 1."""
    last = modules[-1]
    name = last.config.get("module_input_name", "sentence_embedding")
    return last.kind == "Normalize" and name == "sentence_embedding"
