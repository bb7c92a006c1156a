"""Which media an encoder takes, and the one call that hands it a batch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeGuard, get_args

import numpy as np

from embeddb.errors import ConfigurationError, ModelError, UnsupportedMediumError
from embeddb.protocols import Encoder, Multimodal
from embeddb.records import Input, Medium, Role, Vector

TEXT: frozenset[Medium] = frozenset({"text"})
"""What an encoder takes that declares nothing."""

_KNOWN: frozenset[Medium] = frozenset(get_args(Medium))


def media_of(encoder: Encoder) -> frozenset[Medium]:
    """Return the media that an encoder takes: those it declares, or text alone.

    Raises:
        ConfigurationError: it declares none, or one that embeddb does not know.
    """
    if not _is_multimodal(encoder):
        return TEXT
    media = frozenset(encoder.media)
    if not media or not media <= _KNOWN:
        raise ConfigurationError(
            f"{type(encoder).__name__}.media is {encoder.media!r}: list what the encoder takes, "
            f"from {', '.join(sorted(_KNOWN))}."
        )
    return media


def medium_of(value: Input) -> Medium:
    """Return what kind of input this is; a str is text."""
    return "text" if isinstance(value, str) else value.medium


def size_of(value: Input) -> int:
    """Return how large an input is beside others of its medium: characters, or bytes."""
    return len(value) if isinstance(value, str) else value.size


def encode_batch(encoder: Encoder, inputs: Sequence[Input], role: Role = "document") -> Vector:
    """Encode inputs, all of one medium, in one call: float32, shape (len(inputs), dim).

    Raises:
        UnsupportedMediumError: the encoder does not take this medium; it is not called.
        EncodingError: the encoder failed on an input.
        ModelError: it returned an array of another shape, so that no input is at fault.
    """
    check_media(encoder, inputs)
    if _is_multimodal(encoder):
        vectors = encoder.encode(inputs, role)
    else:
        vectors = encoder.encode([value for value in inputs if isinstance(value, str)], role)
    info, shape = encoder.info, np.shape(vectors)
    if shape != (len(inputs), info.dim):
        raise ModelError(
            f"The model {info.name!r} returned an array of shape {shape} for {len(inputs)} inputs, "
            f"not {(len(inputs), info.dim)}: its encoder must return one row of {info.dim} numbers "
            "for each input."
        )
    return vectors


def check_media(encoder: Encoder, inputs: Sequence[Input]) -> None:
    """Check that an encoder takes every one of these inputs.

    Raises:
        UnsupportedMediumError: it does not take one of them.
    """
    taken = media_of(encoder)
    refused = {medium_of(value) for value in inputs} - taken
    if refused:
        raise UnsupportedMediumError(
            f"The model {encoder.info.name!r} takes {_listed(taken)}, not {_listed(refused)}: use "
            f"a model that takes {_listed(refused)}, or leave such inputs out."
        )


def _is_multimodal(encoder: Encoder) -> TypeGuard[Multimodal]:
    # Not isinstance(): on Python 3.11 that reads `info`, which may hash weights or ask an endpoint.
    return getattr(encoder, "media", None) is not None


def _listed(media: frozenset[Medium] | set[Medium]) -> str:
    return " and ".join(sorted(media))
