"""Encoders turn texts, and other media, into vectors.

Importing this package loads neither torch nor httpx.
"""

from __future__ import annotations

from embeddb.encoders.cache import VectorCache
from embeddb.encoders.function import FunctionEncoder
from embeddb.encoders.load import load_encoder
from embeddb.encoders.locate import Location, locate
from embeddb.encoders.media import media_of
from embeddb.encoders.openai import OpenAIEncoder
from embeddb.encoders.registry import PRESETS, Preset, find_preset
from embeddb.encoders.sentence_transformer import SentenceTransformerEncoder
from embeddb.encoders.settings import EncoderSettings
from embeddb.encoders.stream import Isolated, encode_inputs, encode_texts, isolate

__all__ = [
    "PRESETS",
    "EncoderSettings",
    "FunctionEncoder",
    "Isolated",
    "Location",
    "OpenAIEncoder",
    "Preset",
    "SentenceTransformerEncoder",
    "VectorCache",
    "encode_inputs",
    "encode_texts",
    "find_preset",
    "isolate",
    "load_encoder",
    "locate",
    "media_of",
]
