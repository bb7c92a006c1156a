"""The encoders of one program: each name is loaded once, whoever asks for it."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from embeddb.config import Settings
from embeddb.encoders.load import load_encoder
from embeddb.encoders.settings import EncoderSettings
from embeddb.protocols import Encoder


class EncoderLoader:
    """Makes encoders of what a user writes as `model=`, and keeps those that have a name.

    A store and the workers that run on it share one, so that a model is in memory once.

    Args:
        settings: where to look for models, and what may be used.
    """

    def __init__(self, settings: EncoderSettings) -> None:
        self._settings = settings
        self._encoders: dict[str, Encoder] = {}

    @classmethod
    def from_environment(cls) -> EncoderLoader:
        """Return a loader with the settings of the environment."""
        return cls(EncoderSettings.of(Settings.from_environment()))

    def __call__(self, model: str | os.PathLike[str] | Encoder | Callable[..., Any]) -> Encoder:
        """Return the encoder that `model` names or is; no weights are loaded yet.

        Raises:
            ModelNotFoundError: there is no such model, or its module may not be imported.
            ConfigurationError: not something that can be made an encoder.
        """
        if isinstance(model, os.PathLike):
            model = os.fspath(model)
        if not isinstance(model, str):
            return load_encoder(model, settings=self._settings)
        known = self._encoders.get(model)
        if known is not None:
            return known
        # two threads may get here at once: setdefault lets one of them win, so both use one model
        return self._encoders.setdefault(model, load_encoder(model, settings=self._settings))
