"""What the encoders need to know about the machine and its owner; `embeddb.config` fills it."""

from __future__ import annotations

from dataclasses import dataclass, field

from embeddb.config import Settings

OPENAI_BASE_URL = "https://api.openai.com/v1"
"""Where `openai:` names go when nothing else is said."""


@dataclass(frozen=True, kw_only=True, slots=True)
class EncoderSettings:
    """Settings of the encoders; the environment itself is read in `embeddb.config` only.

    Attributes:
        openai_base_url: any endpoint that speaks OpenAI's embeddings API; None is OpenAI.
        openai_api_key: sent as a bearer token; never shown.
        device: `cpu`, `cuda`, `cuda:1`, `mps`; None takes the fastest there is.
        dtype: `float32`, `bfloat16`, `float16`; None takes what the machine computes fastest.
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
        """Take from the settings of the environment what encoders need."""
        return cls(
            openai_base_url=settings.openai_base_url,
            openai_api_key=settings.openai_api_key,
            device=settings.device,
            dtype=settings.dtype,
            python_models=settings.python_models,
            offline=settings.offline,
        )
