from __future__ import annotations

import json
from pathlib import Path

import pytest

from embeddb.encoders.description import describe, pooling_modes
from embeddb.errors import ModelError
from tests.unit.encoders.conftest import DIM, MAX_TOKENS, edit_json, write_json


def add_module(folder: Path, path: str, kind: str, config: dict[str, object]) -> None:
    modules = json.loads((folder / "modules.json").read_text())
    modules.append({"idx": len(modules), "name": path, "path": path, "type": f"x.{kind}"})
    write_json(folder / "modules.json", modules)
    write_json(folder / path / "config.json", config)


def test_files_tell_everything(tiny: Path) -> None:
    description = describe(tiny)
    assert (description.dim, description.max_tokens) == (DIM, MAX_TOKENS)
    assert (description.query_prompt, description.document_prompt) == ("query : ", "")
    assert description.normalized
    assert description.model_type == "bert"


def test_dense_module_sets_the_dim(tiny: Path) -> None:
    add_module(tiny, "3_Dense", "Dense", {"in_features": DIM, "out_features": 8})
    description = describe(tiny)
    assert description.dim == 8
    assert not description.normalized


def test_two_pooling_modes_double_the_dim(tiny: Path) -> None:
    write_json(
        tiny / "1_Pooling/config.json", {"embedding_dimension": DIM, "pooling_mode": ["cls", "max"]}
    )
    assert describe(tiny).dim == 2 * DIM


def test_truncated_dim_counts(tiny: Path) -> None:
    write_json(tiny / "config_sentence_transformers.json", {"truncate_dim": 16})
    description = describe(tiny)
    assert (description.dim, description.normalized) == (16, False)


def test_bare_transformer_is_mean_pooled(tiny: Path) -> None:
    (tiny / "modules.json").unlink()
    description = describe(tiny)
    assert (description.dim, description.normalized) == (DIM, False)
    assert pooling_modes(description.modules[1].config) == ("mean",)


def test_bare_causal_model_pools_its_last_token(tiny: Path) -> None:
    (tiny / "modules.json").unlink()
    edit_json(tiny / "config.json", architectures=["Qwen3ForCausalLM"])
    assert pooling_modes(describe(tiny).modules[1].config) == ("lasttoken",)


def test_limit_comes_from_tokenizer_and_positions(tiny: Path) -> None:
    (tiny / "sentence_bert_config.json").unlink()
    assert describe(tiny).max_tokens == 64
    edit_json(tiny / "tokenizer_config.json", model_max_length=10**30)
    edit_json(tiny / "config.json", model_type="roberta")
    assert describe(tiny).max_tokens == 62


def test_passage_prompt_is_the_documents(tiny: Path) -> None:
    prompts = {"query": None, "passage": "passage : "}
    write_json(tiny / "config_sentence_transformers.json", {"prompts": prompts})
    description = describe(tiny)
    assert (description.query_prompt, description.document_prompt) == ("", "passage : ")


def test_broken_file_is_named(tiny: Path) -> None:
    (tiny / "config.json").write_text("{")
    with pytest.raises(ModelError, match=r"config\.json is not valid JSON"):
        describe(tiny)


def test_file_that_is_no_object_is_named(tiny: Path) -> None:
    (tiny / "config.json").write_text("[]")
    with pytest.raises(ModelError, match="does not hold a JSON object"):
        describe(tiny)


def test_unknown_dim_is_an_error(tmp_path: Path) -> None:
    write_json(tmp_path / "config.json", {"model_type": "odd"})
    with pytest.raises(ModelError, match="dimension"):
        describe(tmp_path)
