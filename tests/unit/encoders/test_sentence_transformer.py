from __future__ import annotations

import logging
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from embeddb.encoders import SentenceTransformerEncoder, locate
from embeddb.encoders.quiet import quiet_loading
from embeddb.errors import ConfigurationError, EncodingError, ModelError
from embeddb.protocols import Tokenized
from embeddb.records import Vector
from tests.unit.encoders.conftest import DIM, MAX_TOKENS, edit_json, write_json

TEXTS = ["the red house", "tree", "", "a river by the green tree " * 9, "blue", "tree"]


def encoder_of(folder: Path, **options: Any) -> SentenceTransformerEncoder:  # noqa: ANN401
    return SentenceTransformerEncoder(locate(str(folder)), **({"dtype": "float32"} | options))


def reference(folder: Path, texts: list[str], prompt: str = "") -> Vector:
    """What sentence-transformers itself gives."""
    from sentence_transformers import SentenceTransformer

    with quiet_loading():
        model = SentenceTransformer(str(folder), device="cpu", local_files_only=True)
    vectors: Vector = model.encode(texts, prompt=prompt or None, show_progress_bar=False)
    return vectors


def without_normalize(folder: Path) -> None:
    text = (folder / "modules.json").read_text()
    (folder / "modules.json").write_text(text.replace("models.Normalize", "models.Dropout"))
    write_json(folder / "2_Normalize/config.json", {"dropout": 0.0})


def test_vectors_are_sentence_transformers_own(tiny_original: Path) -> None:
    vectors = encoder_of(tiny_original).encode(TEXTS)
    assert vectors.dtype == np.float32
    assert vectors.shape == (len(TEXTS), DIM)
    assert vectors.flags.c_contiguous
    np.testing.assert_allclose(vectors, reference(tiny_original, TEXTS), atol=1e-5)


def test_query_prompt_is_applied_to_queries_only(tiny_original: Path) -> None:
    encoder = encoder_of(tiny_original)
    query = encoder.encode(TEXTS, "query")
    np.testing.assert_allclose(query, reference(tiny_original, TEXTS, "query : "), atol=1e-5)
    assert np.abs(query - encoder.encode(TEXTS)).max() > 1e-3


def test_explicit_prompts_win(tiny_original: Path) -> None:
    encoder = encoder_of(tiny_original, query_prompt="", document_prompt="passage : ")
    assert (encoder.info.query_prompt, encoder.info.document_prompt) == ("", "passage : ")
    expected = reference(tiny_original, TEXTS, "passage : ")
    np.testing.assert_allclose(encoder.encode(TEXTS), expected, atol=1e-5)


def test_no_texts_give_no_rows_and_load_nothing(tiny: Path) -> None:
    (tiny / "model.safetensors").write_bytes(b"no weights at all")
    assert encoder_of(tiny).encode([]).shape == (0, DIM)


def test_text_over_the_limit_is_cut_off(tiny_original: Path) -> None:
    encoder = encoder_of(tiny_original)
    same = "tree " * (MAX_TOKENS - 2)
    vectors = encoder.encode([same, same + "red house " * 500])
    np.testing.assert_allclose(vectors[0], vectors[1], atol=1e-5)


def test_limit_holds_where_the_tokenizer_has_none(tiny: Path) -> None:
    (tiny / "sentence_bert_config.json").unlink()
    edit_json(tiny / "tokenizer_config.json", model_max_length=10**30)
    encoder = encoder_of(tiny)
    assert encoder.info.max_tokens == 64
    assert encoder.encode(["tree " * 500]).shape == (1, DIM)


def test_normalize_scales_a_model_that_does_not(tiny: Path) -> None:
    without_normalize(tiny)
    plain = encoder_of(tiny)
    scaled = encoder_of(tiny, normalize=True)
    assert (plain.info.normalized, scaled.info.normalized) == (False, True)
    assert np.abs(np.linalg.norm(plain.encode(TEXTS), axis=1) - 1).max() > 0.1
    np.testing.assert_allclose(np.linalg.norm(scaled.encode(TEXTS), axis=1), 1, atol=1e-6)


def test_dense_model_runs_through_its_modules(tiny: Path) -> None:
    import torch
    from safetensors.torch import save_file

    modules = (tiny / "modules.json").read_text()
    dense = modules.replace("2_Normalize", "2_Dense").replace("models.Normalize", "models.Dense")
    (tiny / "modules.json").write_text(dense)
    config = {"in_features": DIM, "out_features": 8, "bias": False}
    activation = "torch.nn.modules.linear.Identity"
    write_json(tiny / "2_Dense/config.json", config | {"activation_function": activation})
    weight = torch.ones(8, DIM) * torch.arange(8)[:, None]
    save_file({"linear.weight": weight}, tiny / "2_Dense/model.safetensors")
    vectors = encoder_of(tiny).encode(TEXTS)
    assert vectors.shape == (len(TEXTS), 8)
    np.testing.assert_allclose(vectors, reference(tiny, TEXTS), atol=1e-4)


def test_left_padded_model_is_sliced_from_the_right(tiny: Path) -> None:
    edit_json(tiny / "tokenizer_config.json", padding_side="left")
    one_by_one = np.concatenate([encoder_of(tiny).encode([text]) for text in TEXTS])
    expected = reference(tiny, TEXTS)
    vectors = encoder_of(tiny).encode(TEXTS)
    # BERT counts positions from the left edge, so only equal widths are comparable.
    assert vectors.shape == expected.shape
    assert np.isfinite(one_by_one).all()
    longest = max(range(len(TEXTS)), key=lambda row: len(TEXTS[row]))
    np.testing.assert_allclose(vectors[longest], expected[longest], atol=1e-5)


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_reduced_precision_stays_close(tiny_original: Path, dtype: str) -> None:
    encoder = encoder_of(tiny_original, dtype=dtype, device="cpu")
    vectors = encoder.encode(TEXTS)
    assert encoder.info.dtype == dtype
    assert vectors.dtype == np.float32
    assert (vectors * reference(tiny_original, TEXTS)).sum(axis=1).min() > 0.996
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)


def test_unknown_dtype_is_refused(tiny_original: Path) -> None:
    with pytest.raises(ConfigurationError, match="int4"):
        encoder_of(tiny_original, dtype="int4")


def test_nan_weights_are_an_encoding_error(tiny: Path) -> None:
    import torch
    from safetensors.torch import load_file, save_file

    weights = load_file(tiny / "model.safetensors")
    broken = {name: torch.full_like(value, torch.nan) for name, value in weights.items()}
    save_file(broken, tiny / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(EncodingError, match="NaN"):
        encoder_of(tiny).encode(["tree"])


def test_text_that_is_no_unicode_is_an_encoding_error(tiny_original: Path) -> None:
    with pytest.raises(EncodingError):
        encoder_of(tiny_original).encode(["\ud800"])


def test_broken_weights_are_a_model_error(tiny: Path) -> None:
    (tiny / "model.safetensors").write_bytes(b"no weights at all")
    with pytest.raises(ModelError, match="cannot be loaded") as caught:
        encoder_of(tiny).encode(["tree"])
    assert not isinstance(caught.value, EncodingError)


def test_preset_of_another_dim_is_ignored(tiny: Path) -> None:
    folder = tiny.rename(tiny.with_name("bge-small-en-v1.5"))
    assert encoder_of(folder).info.query_prompt == "query : "


def test_tokenizer_neither_truncates_nor_pads(tiny_original: Path) -> None:
    encoder = encoder_of(tiny_original)
    assert isinstance(encoder, Tokenized)
    tokenizer = encoder.tokenizer()
    assert tokenizer is not None
    assert len(tokenizer.encode("tree").ids) == 3
    assert len(tokenizer.encode("tree " * 100).ids) == 102


def test_model_without_tokenizer_file_has_no_tokenizer(tiny: Path) -> None:
    (tiny / "tokenizer.json").unlink()
    assert encoder_of(tiny).tokenizer() is None


def test_loading_is_silent(
    tiny: Path, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        encoder_of(tiny).encode(TEXTS)
    assert capfd.readouterr() == ("", "")
    assert caplog.records == []


def test_threads_share_one_model(tiny: Path) -> None:
    encoders = [encoder_of(tiny), encoder_of(tiny)]
    expected = encoder_of(tiny).encode(TEXTS)
    results: list[Vector] = []

    def work(number: int) -> None:
        for _ in range(5):
            results.append(encoders[number % 2].encode(TEXTS))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 30
    assert all(np.allclose(result, expected, atol=1e-5) for result in results)
    assert encoders[0]._torch_model is encoders[1]._torch_model


def test_repr_names_the_model(tiny_original: Path) -> None:
    assert repr(encoder_of(tiny_original)) == f"SentenceTransformerEncoder({str(tiny_original)!r})"
