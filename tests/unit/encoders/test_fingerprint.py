from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from embeddb.encoders import SentenceTransformerEncoder, locate
from embeddb.errors import ModelError
from tests.unit.encoders.conftest import edit_json, write_json


def fingerprint(folder: Path, **options: object) -> str:
    encoder = SentenceTransformerEncoder(locate(str(folder)), **options)  # type: ignore[arg-type]
    return encoder.info.fingerprint


def irrelevant_text(folder: Path) -> None:
    edit_json(folder / "config.json", transformers_version="9.9", _name_or_path="/elsewhere")


def later_date(folder: Path) -> None:
    os.utime(folder / "model.safetensors", (1, 1))


def another_format_beside(folder: Path) -> None:
    (folder / "pytorch_model.bin").write_bytes(b"the same weights")
    (folder / "onnx").mkdir()
    (folder / "onnx/model.onnx").write_bytes(b"and again")


def empty_prompts(folder: Path) -> None:
    prompts = {"query": "query : ", "document": ""}
    write_json(folder / "config_sentence_transformers.json", {"prompts": prompts})


def new_spelling_of_pooling(folder: Path) -> None:
    write_json(
        folder / "1_Pooling/config.json", {"embedding_dimension": 32, "pooling_mode": "mean"}
    )


def other_weights(folder: Path) -> None:
    content = bytearray((folder / "model.safetensors").read_bytes())
    content[-1] ^= 1
    (folder / "model.safetensors").write_bytes(content)


def other_tokenizer(folder: Path) -> None:
    text = (folder / "tokenizer.json").read_text().replace("house", "mouse")
    (folder / "tokenizer.json").write_text(text)


def other_pooling(folder: Path) -> None:
    edit_json(
        folder / "1_Pooling/config.json",
        pooling_mode_mean_tokens=False,
        pooling_mode_cls_token=True,
    )


def other_limit(folder: Path) -> None:
    write_json(folder / "sentence_bert_config.json", {"max_seq_length": 16})


def other_prompt(folder: Path) -> None:
    write_json(folder / "config_sentence_transformers.json", {"prompts": {"query": "ask : "}})


def other_activation(folder: Path) -> None:
    edit_json(folder / "config.json", hidden_act="relu")


@pytest.mark.parametrize(
    "change",
    [
        irrelevant_text,
        later_date,
        another_format_beside,
        empty_prompts,
        new_spelling_of_pooling,
    ],
)
def test_same_model_has_the_same_fingerprint(
    tiny: Path, tiny_original: Path, change: Callable[[Path], None]
) -> None:
    change(tiny)
    assert fingerprint(tiny) == fingerprint(tiny_original)


@pytest.mark.parametrize(
    "change",
    [
        other_weights,
        other_tokenizer,
        other_pooling,
        other_limit,
        other_prompt,
        other_activation,
    ],
)
def test_what_moves_a_vector_changes_the_fingerprint(
    tiny: Path, tiny_original: Path, change: Callable[[Path], None]
) -> None:
    before = fingerprint(tiny)
    change(tiny)
    assert before == fingerprint(tiny_original)
    assert fingerprint(tiny) != before


def test_dtype_and_folder_do_not_count(tiny: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(tiny, tmp_path / "elsewhere"))
    assert fingerprint(tiny, dtype="bfloat16") == fingerprint(copy, dtype="float32")


def test_prompts_and_normalization_in_effect_count(tiny: Path) -> None:
    modules = (tiny / "modules.json").read_text()
    edited = modules.replace("models.Normalize", "models.Dropout")
    (tiny / "modules.json").write_text(edited)
    plain = fingerprint(tiny)
    assert fingerprint(tiny, normalize=True) != plain
    assert fingerprint(tiny, document_prompt="passage : ") != plain


def test_folder_without_weights_has_no_fingerprint(tiny: Path) -> None:
    (tiny / "model.safetensors").unlink()
    with pytest.raises(ModelError, match="no weights"):
        fingerprint(tiny)
