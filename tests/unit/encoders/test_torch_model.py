"""Batches, memory, and models whose features are not one row a text.

torch is imported where a test needs it, so that collecting the tests does not load it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import save_file

from embeddb.encoders import SentenceTransformerEncoder, locate
from embeddb.encoders.batching import batches, blocks
from embeddb.encoders.torch_model import TorchModel
from tests.unit.encoders.conftest import write_json


class Fake:
    """A model whose vector is the text's length, and which has memory for `most` tokens."""

    def __init__(self, most: int, *, flat: bool = False) -> None:
        self.most = most
        self.flat = flat
        self.sizes: list[int] = []

    def preprocess(self, texts: list[str], prompt: str | None, task: str) -> dict[str, Any]:
        import torch

        lengths = [len(text) for text in texts]
        if self.flat:
            return {"lengths": torch.tensor(lengths), "modality": "text"}
        width = max(lengths)
        mask = torch.tensor([[1] * n + [0] * (width - n) for n in lengths])
        return {"input_ids": mask.clone(), "attention_mask": mask, "modality": "text"}

    def __call__(self, features: dict[str, Any], task: str) -> dict[str, Any]:
        import torch

        sums = features["lengths"] if self.flat else features["input_ids"].sum(1)
        size = int(sums.sum()) if self.flat else features["input_ids"].numel()
        if size > self.most:
            raise torch.OutOfMemoryError("out of memory")
        self.sizes.append(size)
        return {"sentence_embedding": sums[:, None].to(torch.float32)}


def model_of(fake: Fake, tokens: int = 1000) -> TorchModel:
    return TorchModel(model=fake, device="cpu", dtype="float32", tokens=tokens)


@pytest.mark.parametrize("flat", [False, True])
def test_too_little_memory_halves_the_batch(flat: bool) -> None:
    texts = ["x" * n for n in (3, 9, 1, 7, 5, 9, 2)]
    fake = Fake(most=10, flat=flat)
    model = model_of(fake)
    vectors = model.encode(texts, "", "document")
    assert vectors[:, 0].tolist() == [3, 9, 1, 7, 5, 9, 2]
    assert max(fake.sizes) <= 10
    assert model.tokens < 1000


@pytest.mark.parametrize("flat", [False, True])
def test_text_too_large_for_the_memory_fails(flat: bool) -> None:
    import torch

    with pytest.raises(torch.OutOfMemoryError):
        model_of(Fake(most=10, flat=flat)).encode(["x" * 11, "x"], "", "document")


def test_other_errors_are_not_retried() -> None:
    fake = Fake(most=10)
    fake.most = -1
    model = model_of(fake)
    with pytest.raises(RuntimeError):
        model.encode(["x"], "", "document")
    assert model.tokens == 1000


def test_many_blocks_keep_the_order() -> None:
    texts = ["x" * (1 + n % 17) for n in range(2500)]
    vectors = model_of(Fake(most=10**9)).encode(texts, "", "document")
    assert vectors[:, 0].tolist() == [len(text) for text in texts]


@given(st.lists(st.integers(0, 300), max_size=60), st.integers(1, 512))
def test_batches_cover_every_row_once_within_the_budget(lengths: list[int], tokens: int) -> None:
    cut = list(batches(np.array(lengths, dtype=np.int64), tokens))
    assert sorted(int(row) for rows in cut for row in rows) == list(range(len(lengths)))
    for rows in cut:
        padded = max(lengths[row] for row in rows) * len(rows)
        assert len(rows) == 1 or padded <= tokens


@given(st.lists(st.text(max_size=30), max_size=40))
def test_blocks_cover_every_text_once(texts: list[str]) -> None:
    assert sorted(int(i) for block in blocks(texts) for i in block) == list(range(len(texts)))


def test_static_embedding_model(tmp_path: Path, tiny_original: Path) -> None:
    table = np.arange(800, dtype=np.float32).reshape(100, 8)
    save_file({"embedding.weight": table}, tmp_path / "model.safetensors")
    (tmp_path / "tokenizer.json").write_bytes((tiny_original / "tokenizer.json").read_bytes())
    kind = "sentence_transformers.models.StaticEmbedding"
    write_json(tmp_path / "modules.json", [{"idx": 0, "name": "0", "path": "", "type": kind}])
    encoder = SentenceTransformerEncoder(locate(str(tmp_path)), dtype="float32")
    assert (encoder.info.dim, encoder.info.max_tokens) == (8, None)
    vectors = encoder.encode(["tree", "red house", "the river"])
    assert vectors.shape == (3, 8)
    one_by_one = np.concatenate([encoder.encode([t]) for t in ("tree", "red house", "the river")])
    np.testing.assert_allclose(vectors, one_by_one)
