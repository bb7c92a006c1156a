"""From what the user wrote as `model=` to an encoder."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from typing import Any

from embeddb.encoders.function import FunctionEncoder, import_function
from embeddb.encoders.hashing import DIM, hashed_words
from embeddb.encoders.loaded_model import OBJECT
from embeddb.encoders.locate import locate
from embeddb.encoders.objects import encoder_of
from embeddb.encoders.openai import OpenAIEncoder
from embeddb.encoders.sentence_transformer import SentenceTransformerEncoder
from embeddb.encoders.settings import OPENAI_BASE_URL, EncoderSettings
from embeddb.errors import ModelNotFoundError
from embeddb.protocols import Encoder

TESTING = "testing:hash"
"""The model for tests of applications."""

_PROGRAM = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_][\w.<>]*")
"""The name that a function or an object of a program has got: `module:attribute`."""


def load_encoder(
    model: str | os.PathLike[str] | Encoder | Callable[..., Any], *, settings: EncoderSettings
) -> Encoder:
    """Return the encoder that `model` names or is; no weights are loaded yet.

    Args:
        model: a folder, a preset, a hub name with or without `@revision`, `openai:MODEL[@dim]`,
            `python:package.module:attribute`, `testing:hash`, or an object: a
            `SentenceTransformer`, a function, embeddings of LangChain, what has
            `encode(list[str])`, or an encoder.
        settings: where to look, and what may be used.

    Raises:
        ModelNotFoundError: there is no such model, or its module may not be imported.
        ConfigurationError: `model` is nothing that can be made an encoder.
    """
    if isinstance(model, str | os.PathLike):
        return _from_name(os.fspath(model), settings)
    return encoder_of(model)


def _from_name(name: str, settings: EncoderSettings) -> Encoder:
    scheme, _, rest = name.partition(":")
    if scheme == "openai":
        return OpenAIEncoder.from_name(
            rest,
            base_url=settings.openai_base_url or OPENAI_BASE_URL,
            api_key=settings.openai_api_key,
        )
    if scheme == "python":
        function = import_function(rest, allowed=settings.python_models)
        return FunctionEncoder(function, name=name)
    if name == TESTING:
        return FunctionEncoder(hashed_words, dim=DIM, name=name, normalized=True)
    if name.startswith(OBJECT) or _PROGRAM.fullmatch(name):
        raise ModelNotFoundError(
            f"The model {name!r} is an object or a function of a program, and no name loads it: "
            "pass it again, store.collection(…, encoder=…). A function can be named: "
            "python:package.module:attribute."
        )
    return SentenceTransformerEncoder(
        locate(name, offline=settings.offline), device=settings.device, dtype=settings.dtype
    )
