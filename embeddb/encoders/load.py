"""From what the user wrote as `model=` to an encoder."""

from __future__ import annotations

from collections.abc import Callable
from inspect import getattr_static
from typing import Any, TypeGuard

from embeddb.encoders.function import FunctionEncoder, import_function
from embeddb.encoders.locate import locate
from embeddb.encoders.openai import OpenAIEncoder
from embeddb.encoders.sentence_transformer import SentenceTransformerEncoder
from embeddb.encoders.settings import OPENAI_BASE_URL, EncoderSettings
from embeddb.errors import ConfigurationError
from embeddb.protocols import Encoder


def load_encoder(
    model: str | Encoder | Callable[..., Any], *, settings: EncoderSettings
) -> Encoder:
    """Return the encoder that `model` names; no weights are loaded yet.

    Args:
        model: a folder, a preset, a hub name with or without `@revision`, `openai:MODEL[@dim]`,
            `python:package.module:attribute`, a function, or an encoder.
        settings: where to look, and what may be used.

    Raises:
        ModelNotFoundError: there is no such model, or its module may not be imported.
        ConfigurationError: `model` is neither a name, a function nor an encoder.
    """
    if isinstance(model, str):
        return _from_name(model, settings)
    if not isinstance(model, type):
        if _is_encoder(model):
            return model
        if callable(model):
            return FunctionEncoder(model)
    raise ConfigurationError(
        f"An object of type {type(model).__name__} is not a model: give a name, a function, or an "
        "encoder with `info` and `encode`."
    )


def _is_encoder(model: object) -> TypeGuard[Encoder]:
    # Looked up statically: reading `info` may hash weights or ask an endpoint.
    return all(getattr_static(model, name, None) is not None for name in ("info", "encode"))


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
    return SentenceTransformerEncoder(
        locate(name, offline=settings.offline), device=settings.device, dtype=settings.dtype
    )
