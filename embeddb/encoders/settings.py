"""What encoders need to know of the machine and its owner; `embeddb.config` reads it."""

from __future__ import annotations

from dataclasses import dataclass, field

from embeddb.config import Settings

OPENAI_BASE_URL = "https://api.openai.com/v1"
"""Where `openai:` models are, unless another endpoint is set."""


@dataclass(frozen=True, kw_only=True, slots=True)
class EncoderSettings:
    """Settings of the encoders; only `embeddb.config` reads the environment itself.

    Attributes:
        openai_base_url: any endpoint that speaks OpenAI's embeddings API; None for OpenAI's own.
        openai_api_key: sent as a bearer token; never shown.
        device: `cpu`, `cuda`, `cuda:1`, `mps`; None for the fastest there is.
        dtype: `float32`, `bfloat16`, `float16`; None for what the machine computes fastest.
        python_models: modules that a `python:` name may import, dotted prefixes included.
        offline: True never asks the model hub over the network.
    """

    openai_base_url: str | None = None
    openai_api_key: str | None = field(default=None, repr=False)
    device: str | None = None
    dtype: str | None = None
    python_models: tuple[str, ...] = ()
    offline: bool = False

    @classmethod
    def of(cls, settings: Settings) -> EncoderSettings:
        """Return what encoders need of the environment's settings."""
        return cls(
            openai_base_url=settings.openai_base_url,
            openai_api_key=settings.openai_api_key,
            device=settings.device,
            dtype=settings.dtype,
            python_models=settings.python_models,
            offline=settings.offline,
        )
