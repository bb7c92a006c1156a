"""Encode with a `SentenceTransformer` that the caller has loaded already."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from tokenizers import Tokenizer

from embeddb.encoders.checks import check_vectors
from embeddb.encoders.fingerprint import digest, weight_files
from embeddb.encoders.locate import locate, package_folder
from embeddb.encoders.registry import PRESETS
from embeddb.encoders.sentence_transformer import SentenceTransformerEncoder
from embeddb.encoders.torch_model import TorchModel, of_loaded
from embeddb.errors import EmbedDBError, EncodingError, ModelError
from embeddb.records import ModelInfo, Role, Vector

OBJECT = "object:"
"""What the name of a model begins with that no name can load."""

_UNLIMITED_TOKENS = 1_000_000
"""Models and tokenizers without a limit carry infinity, or 1e30, in its place."""

_ROLES: dict[Role, tuple[str, ...]] = {
    "query": ("query",),
    "document": ("document", "passage", "corpus"),
}
"""The names of a model's prompts, by what a text is to it."""


class LoadedModelEncoder:
    """A `SentenceTransformer` object, used as it is: its prompts, limits, device and dtype."""

    def __init__(self, model: Any) -> None:  # noqa: ANN401  (untyped library)
        """Take a loaded model; nothing is encoded yet."""
        self._model = model

    def __repr__(self) -> str:
        return f"LoadedModelEncoder({self.info.name!r})"

    @cached_property
    def info(self) -> ModelInfo:
        """The model's record: that of the model it was loaded from, where it is unchanged.

        Raises:
            ModelError: the model does not say how many dimensions its vectors have.
        """
        own = self._own_info()
        named = self._named()
        if named is None or not _alike(own, named.info) or not self._has_weights_of(named):
            return own
        return ModelInfo(
            name=_short_name(named),
            fingerprint=named.info.fingerprint,
            dim=own.dim,
            revision=named.info.revision,
            modality=named.info.modality,
            max_tokens=own.max_tokens,
            query_prompt=own.query_prompt,
            document_prompt=own.document_prompt,
            normalized=own.normalized,
            dtype=own.dtype,
        )

    @property
    def similarity(self) -> str | None:
        """What the model's vectors are compared by, in sentence-transformers' words."""
        return getattr(self._model, "similarity_fn_name", None)

    def encode(self, texts: Sequence[str], role: Role = "document") -> Vector:
        """Encode texts: float32, shape (len(texts), dim); what is too long is cut off.

        Raises:
            EncodingError: the model failed on a text.
        """
        info = self.info
        if not texts:
            return np.zeros((0, info.dim), dtype=np.float32)
        prompt = info.query_prompt if role == "query" else info.document_prompt
        try:
            vectors = self._loaded.encode(list(texts), prompt, role)
        except EmbedDBError:
            raise
        except Exception as error:
            raise EncodingError(f"{info.name} failed: {type(error).__name__}: {error}") from error
        unit = info.normalized and info.dtype != "float32"
        return check_vectors(vectors[:, : info.dim], len(texts), info.dim, info.name, unit=unit)

    def tokenizer(self) -> Tokenizer | None:
        """Return the model's tokenizer without truncation or padding, or None if it has none."""
        return self._tokenizer

    @cached_property
    def _tokenizer(self) -> Tokenizer | None:
        found = getattr(self._model, "tokenizer", None)
        found = getattr(found, "backend_tokenizer", found)
        if not isinstance(found, Tokenizer):
            return None
        # a copy: the model truncates and pads by settings of its own tokenizer
        copy = Tokenizer.from_str(found.to_str())
        copy.no_truncation()
        copy.no_padding()
        return copy

    @cached_property
    def _loaded(self) -> TorchModel:
        return of_loaded(self._model)

    @cached_property
    def _weights(self) -> frozenset[str]:
        return frozenset(_digests(self._model.state_dict().values()))

    def _own_info(self) -> ModelInfo:
        model = self._model
        dim, max_tokens = _dim(model), _max_tokens(model)
        kinds = [type(module).__name__ for module in model]
        cut = model.truncate_dim is not None and _dim(model, whole=True) > dim
        normalized = kinds[-1] == "Normalize" and not cut
        query, document = _prompt(model, "query"), _prompt(model, "document")
        facts = {
            "kind": "loaded",
            "weights": sorted(self._weights),
            "tokenizer": self._tokenizer_digest(),
            "modules": [[kind, _config(module)] for kind, module in zip(kinds, model, strict=True)],
            "max_tokens": max_tokens,
            "dim": dim,
            "query_prompt": query,
            "document_prompt": document,
            "normalized": normalized,
        }
        return ModelInfo(
            name=OBJECT + (_recorded_name(model) or type(model).__name__),
            fingerprint=digest(facts),
            dim=dim,
            max_tokens=max_tokens,
            query_prompt=query,
            document_prompt=document,
            normalized=normalized,
            dtype=self._loaded.dtype,
        )

    def _tokenizer_digest(self) -> str | None:
        if self._tokenizer is None:
            return None
        return hashlib.sha256(self._tokenizer.to_str().encode()).hexdigest()

    def _named(self) -> SentenceTransformerEncoder | None:
        """Return the encoder of the name that the model was loaded by, if it is still there."""
        name = _recorded_name(self._model)
        if not name:
            return None
        with suppress(ModelError, OSError, ValueError):
            encoder = SentenceTransformerEncoder(locate(name, offline=True))
            if encoder.info:
                return encoder
        return None

    def _has_weights_of(self, named: SentenceTransformerEncoder) -> bool:
        """Return whether the model's modules and weights are those in the files of another."""
        modules = [module.kind for module in named.description.modules]
        if modules != [type(module).__name__ for module in self._model]:
            return False
        dtype = next((one.dtype for one in self._model.parameters()), None)
        return self._weights <= set(_digests(_file_tensors(weight_files(named.description), dtype)))


def is_sentence_transformer(model: object) -> bool:
    """Return whether an object is a `SentenceTransformer`; the library is not imported for it."""
    return any(
        kind.__name__ == "SentenceTransformer"
        and kind.__module__.partition(".")[0] == "sentence_transformers"
        for kind in type(model).__mro__
    )


def _alike(own: ModelInfo, named: ModelInfo) -> bool:
    fields = ("dim", "max_tokens", "query_prompt", "document_prompt", "normalized")
    return all(getattr(own, field) == getattr(named, field) for field in fields)


def _short_name(named: SentenceTransformerEncoder) -> str:
    """Return the name of an installed package's model in the place of its folder's path."""
    for preset in PRESETS:
        if preset.package and package_folder(preset.package) == named.folder:
            return preset.name
    return named.info.name


def _recorded_name(model: Any) -> str:  # noqa: ANN401  (untyped library)
    """Return the name or the path that a model was loaded by; empty: it has none."""
    first = model[0]
    inner = getattr(first, "auto_model", None)
    config = getattr(inner, "config", None)
    name = getattr(config, "_name_or_path", "") or getattr(
        getattr(model, "tokenizer", None), "name_or_path", ""
    )
    path = Path(name)
    return str(path.resolve()) if name and path.is_dir() else str(name or "")


def _prompt(model: Any, role: Role) -> str:  # noqa: ANN401  (untyped library)
    """Return the prompt of a role, else the model's default, unless that is another role's."""
    prompts = model.prompts or {}
    own = next((prompts[name] for name in _ROLES[role] if prompts.get(name)), "")
    default = model.default_prompt_name
    if own or not default or any(default in names for names in _ROLES.values()):
        return str(own)
    return str(prompts.get(default) or "")


def _dim(model: Any, *, whole: bool = False) -> int:  # noqa: ANN401  (untyped library)
    """Return how many dimensions a model's vectors have; `whole`, before they are cut."""
    if whole:
        truncated = getattr(model, "truncate_embeddings", None)
        with (truncated or model.truncate_sentence_embeddings)(None):
            return _dim(model)
    method = getattr(model, "get_embedding_dimension", None)
    dim = (method or model.get_sentence_embedding_dimension)()
    if dim is None:
        raise ModelError("The model does not say how many dimensions its vectors have.")
    return int(dim)


def _max_tokens(model: Any) -> int | None:  # noqa: ANN401  (untyped library)
    """Return how many tokens a model reads; a static one reads any number."""
    limit = model.max_seq_length
    return int(limit) if limit and limit < _UNLIMITED_TOKENS else None


def _config(module: Any) -> str:  # noqa: ANN401  (untyped library)
    """Return the settings of a module, as it would save them."""
    method = getattr(module, "get_config_dict", None)
    return "" if method is None else repr(sorted(method().items(), key=str))


def _file_tensors(paths: Iterable[Path], dtype: Any) -> Iterator[Any]:  # noqa: ANN401
    """Yield the tensors of weight files, in the dtype of the model that they are compared with."""
    import torch
    from safetensors import safe_open

    for path in paths:
        if path.suffix == ".safetensors":
            with safe_open(str(path), framework="pt") as file:
                for name in file.keys():  # noqa: SIM118  (no mapping)
                    yield _cast(file.get_tensor(name), dtype)
        else:
            for tensor in torch.load(path, weights_only=True, map_location="cpu").values():
                yield _cast(tensor, dtype)


def _cast(tensor: Any, dtype: Any) -> Any:  # noqa: ANN401  (untyped library)
    return tensor.to(dtype) if dtype is not None and tensor.is_floating_point() else tensor


def _digests(tensors: Iterable[Any]) -> Iterator[str]:
    """Yield a digest of each tensor's shape and bytes."""
    import torch

    for tensor in tensors:
        plain = tensor.detach().cpu().contiguous()
        hashed = hashlib.blake2b(repr((tuple(plain.shape), str(plain.dtype))).encode())
        # as bytes, since NumPy has no bfloat16
        hashed.update(plain.reshape(-1).view(torch.uint8).numpy())
        yield hashed.hexdigest()
