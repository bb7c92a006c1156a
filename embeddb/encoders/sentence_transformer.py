"""Encode with a sentence-transformers model from a folder, a package or the hub."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer

from embeddb.encoders.checks import check_vectors
from embeddb.encoders.description import Description, describe
from embeddb.encoders.fingerprint import fingerprint
from embeddb.encoders.hardware import best_dtype, check_dtype, likely_device
from embeddb.encoders.locate import Location
from embeddb.encoders.torch_model import TorchModel, load_torch_model
from embeddb.errors import EmbedDBError, EncodingError, ModelError
from embeddb.forks import ProcessLock
from embeddb.records import ModelInfo, Role, Vector


class SentenceTransformerEncoder:
    """Any sentence-transformers model; `info` needs no torch, the first `encode` loads it."""

    def __init__(
        self,
        location: Location,
        *,
        query_prompt: str | None = None,
        document_prompt: str | None = None,
        device: str | None = None,
        dtype: str | None = None,
        normalize: bool | None = None,
    ) -> None:
        """Take a located model; nothing is loaded yet.

        Args:
            location: from `embeddb.encoders.locate.locate`.
            query_prompt: overrides the preset's, which overrides the files'.
            document_prompt: likewise.
            device: None takes the fastest there is.
            dtype: None takes what the device computes fastest.
            normalize: True scales the vectors to length 1 where the model does not.

        Raises:
            ConfigurationError: the dtype is unknown.
        """
        self._location = location
        self._prompts = (query_prompt, document_prompt)
        self._device = device
        self._dtype = check_dtype(dtype)
        self._normalize = bool(normalize)
        self._torch_model: TorchModel | None = None
        self._lock = ProcessLock()

    def __repr__(self) -> str:
        return f"SentenceTransformerEncoder({self._location.name!r})"

    @property
    def folder(self) -> Path:
        """Where the model's files are."""
        return self._location.folder

    @property
    def info(self) -> ModelInfo:
        """The model's record; before the first `encode` its dtype is what it is expected to be.

        Raises:
            ModelError: the model's files are incomplete.
        """
        loaded = self._torch_model
        return replace(self._info, dtype=loaded.dtype) if loaded else self._info

    def encode(self, texts: Sequence[str], role: Role = "document") -> Vector:
        """Encode texts: float32, shape (len(texts), dim); what is too long is cut off.

        Raises:
            EncodingError: the model failed on a text.
            ModelError: the model cannot be loaded.
        """
        info = self._info
        if not texts:
            return np.zeros((0, info.dim), dtype=np.float32)
        loaded = self._load()
        prompt = info.query_prompt if role == "query" else info.document_prompt
        try:
            vectors = loaded.encode(list(texts), prompt, role)
        except EmbedDBError:
            raise
        except Exception as error:
            raise EncodingError(f"{info.name} failed: {type(error).__name__}: {error}") from error
        # A model that normalizes in half precision leaves lengths that are off by 0.1 %.
        exact = self._description.normalized and loaded.dtype == "float32"
        unit = info.normalized and not exact
        return check_vectors(vectors[:, : info.dim], len(texts), info.dim, info.name, unit=unit)

    @property
    def similarity(self) -> str | None:
        """What the model's vectors are compared by, in sentence-transformers' words, if it says."""
        return self._description.similarity

    @property
    def description(self) -> Description:
        """What the model's files say about it."""
        return self._description

    def tokenizer(self) -> Tokenizer | None:
        """Return the model's tokenizer without truncation or padding, or None if it has no file."""
        return self._tokenizer

    @cached_property
    def _description(self) -> Description:
        return describe(self._location.folder)

    @cached_property
    def _info(self) -> ModelInfo:
        description, preset = self._description, self._location.preset
        if preset is not None and preset.dim != description.dim:
            preset = None  # another model in a folder of the preset's name
        query = self._prompts[0]
        document = self._prompts[1]
        if query is None:
            query = (preset and preset.query_prompt) or description.query_prompt
        if document is None:
            document = (preset and preset.document_prompt) or description.document_prompt
        normalized = description.normalized or self._normalize
        return ModelInfo(
            name=self._location.name,
            fingerprint=fingerprint(
                description, query=query, document=document, normalized=normalized
            ),
            dim=description.dim,
            revision=self._location.revision,
            modality=preset.modality if preset else "text",
            max_tokens=description.max_tokens,
            query_prompt=query,
            document_prompt=document,
            normalized=normalized,
            dtype=self._dtype or best_dtype(self._device or likely_device(), self._model_type),
        )

    @cached_property
    def _tokenizer(self) -> Tokenizer | None:
        path = self._description.text_folder / "tokenizer.json"
        if not path.is_file():
            return None
        tokenizer = Tokenizer.from_file(str(path))
        tokenizer.no_truncation()
        tokenizer.no_padding()
        return tokenizer

    @property
    def _model_type(self) -> str:
        return self._description.model_type

    def _load(self) -> TorchModel:
        with self._lock:
            if self._torch_model is None:
                self._torch_model = self._load_now()
            return self._torch_model

    def _load_now(self) -> TorchModel:
        try:
            return load_torch_model(
                self._location.folder,
                device=self._device,
                dtype=self._dtype,
                model_type=self._model_type,
                max_tokens=self._description.max_tokens,
            )
        except Exception as error:
            raise ModelError(
                f"Model {self._location.name!r} at {self._location.folder} cannot be loaded: "
                f"{type(error).__name__}: {error}. (Models that need code from their repository "
                "are not supported: embeddb never runs it.)"
            ) from error
