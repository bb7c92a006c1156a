"""A `SentenceTransformer` that the caller has loaded: the same model as by its name, if it is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from embeddb.encoders import EncoderSettings, load_encoder
from embeddb.encoders.quiet import quiet_loading
from embeddb.protocols import Encoder, Tokenized
from tests.unit.encoders.conftest import DIM, MAX_TOKENS, edit_json

pytest.importorskip("sentence_transformers")

SETTINGS = EncoderSettings(offline=True)
TEXTS = ["the red house", "a river", "tree " * 60, "green blue"]


def loaded(folder: Path, **options: Any) -> Any:  # noqa: ANN401
    with quiet_loading():
        from sentence_transformers import SentenceTransformer

        return SentenceTransformer(str(folder), device="cpu", **options)


def by_name(folder: Path) -> Encoder:
    return load_encoder(str(folder), settings=EncoderSettings(dtype="float32", device="cpu"))


def encoder_of(model: Any) -> Encoder:  # noqa: ANN401
    return load_encoder(model, settings=SETTINGS)


def test_object_is_the_model_of_its_name(tiny: Path) -> None:
    model = loaded(tiny)
    own, named = encoder_of(model), by_name(tiny)
    assert own.info == named.info
    assert np.allclose(own.encode(TEXTS), model.encode_document(TEXTS), atol=1e-6)
    assert np.allclose(own.encode(TEXTS, "query"), model.encode_query(TEXTS), atol=1e-6)
    assert np.allclose(own.encode(TEXTS, "query"), named.encode(TEXTS, "query"), atol=1e-6)
    assert np.allclose(own.encode(TEXTS[:1])[0], model.encode(TEXTS[0]), atol=1e-6)


def test_half_precision_is_the_same_model(tiny: Path) -> None:
    own = encoder_of(loaded(tiny).half())
    assert own.info.fingerprint == by_name(tiny).info.fingerprint
    assert own.info.dtype == "float16"


def test_object_uses_its_own_prompts(tiny: Path) -> None:
    prompts = {"query": "query : ", "document": "passage : "}
    model = loaded(tiny, prompts=prompts)
    own = encoder_of(model)
    assert (own.info.query_prompt, own.info.document_prompt) == ("query : ", "passage : ")
    assert np.allclose(own.encode(TEXTS), model.encode_document(TEXTS), atol=1e-6)
    assert own.info.fingerprint != by_name(tiny).info.fingerprint
    assert own.info.name.startswith("object:")


def test_default_prompt_is_put_before_both(tiny: Path) -> None:
    edit_json(tiny / "config_sentence_transformers.json", prompts={})
    model = loaded(tiny, prompts={"mine": "the : "}, default_prompt_name="mine")
    own = encoder_of(model)
    assert own.info.query_prompt == own.info.document_prompt == "the : "
    assert np.allclose(own.encode(TEXTS), model.encode(TEXTS), atol=1e-6)


@pytest.mark.parametrize("change", ["max_seq_length", "truncate_dim", "weights", "modules"])
def test_object_that_was_changed_has_no_name_that_loads_it(tiny: Path, change: str) -> None:
    import torch

    model = loaded(tiny, truncate_dim=8 if change == "truncate_dim" else None)
    if change == "max_seq_length":
        model.max_seq_length = 7
    if change == "weights":
        with torch.no_grad():
            next(model.parameters())[3] += 0.5
    if change == "modules":
        del model[2]
    own = encoder_of(model)
    assert own.info.fingerprint != by_name(tiny).info.fingerprint
    assert own.info.name == f"object:{tiny}"
    assert own.info.dim == (8 if change == "truncate_dim" else DIM)
    assert own.info.max_tokens == (7 if change == "max_seq_length" else MAX_TOKENS)
    assert own.info.normalized == (change in ("max_seq_length", "weights"))
    assert np.allclose(own.encode(TEXTS), model.encode(TEXTS), atol=1e-6)
    assert encoder_of(model).info.fingerprint == own.info.fingerprint


def test_tokenizer_is_whole_and_the_model_s_own_still_truncates(tiny: Path) -> None:
    model = loaded(tiny)
    own = encoder_of(model)
    before = own.encode(TEXTS)
    assert isinstance(own, Tokenized)
    tokenizer = own.tokenizer()
    assert tokenizer is not None
    assert len(tokenizer.encode("tree " * 60).ids) == 62
    assert np.array_equal(own.encode(TEXTS), before)


def test_object_needs_no_files_any_more(tiny: Path) -> None:
    model = loaded(tiny)
    for path in tiny.rglob("*.json"):
        path.unlink()
    own = encoder_of(model)
    assert own.info.name.startswith("object:")
    assert np.allclose(own.encode(TEXTS), model.encode(TEXTS), atol=1e-6)


def test_static_model_reads_texts_of_any_length() -> None:
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.models import StaticEmbedding
    from tokenizers import Tokenizer, models, pre_tokenizers

    tokenizer = Tokenizer(models.WordLevel({"[UNK]": 0, "red": 1, "blue": 2}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    weights = np.eye(3, dtype=np.float32)
    model = SentenceTransformer(modules=[StaticEmbedding(tokenizer, embedding_weights=weights)])
    own = encoder_of(model)
    assert (own.info.max_tokens, own.info.dim) == (None, 3)
    assert own.info.name == "object:SentenceTransformer"
    assert own.encode(["red", "blue blue"]).tolist() == [[0, 1, 0], [0, 0, 1]]
