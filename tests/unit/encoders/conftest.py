"""A real, tiny sentence-transformers model on disk, and a real HTTP endpoint."""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from safetensors.numpy import save_file

DIM = 32
LAYERS = 2
INNER = 64
POSITIONS = 64
MAX_TOKENS = 24
WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"abcdefghijklmnopqrstuvwxyz"]
WORDS += [f"##{letter}" for letter in "abcdefghijklmnopqrstuvwxyz"]
WORDS += ["red", "green", "blue", "query", "passage", ":", "house", "tree", "river", "the"]


def write_json(path: Path, value: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value))


def edit_json(path: Path, **changes: object) -> None:
    write_json(path, json.loads(path.read_text()) | changes)


def _write_tokenizer(folder: Path) -> None:
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

    vocabulary = {word: number for number, word in enumerate(WORDS)}
    tokenizer = Tokenizer(models.WordPiece(vocab=vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    tokenizer.enable_truncation(8)
    tokenizer.enable_padding(length=8)
    tokenizer.save(str(folder / "tokenizer.json"))
    special = {"pad": 0, "unk": 1, "cls": 2, "sep": 3, "mask": 4}
    config = {f"{name}_token": WORDS[number] for name, number in special.items()}
    write_json(
        folder / "tokenizer_config.json",
        config | {"tokenizer_class": "BertTokenizer", "model_max_length": POSITIONS},
    )


def _write_weights(folder: Path) -> None:
    """Write a BERT of two layers with random weights; importing torch for it would take seconds."""
    random = np.random.default_rng(0)
    tensors: dict[str, NDArray[np.float32]] = {}

    def add(name: str, *shape: int) -> None:
        tensors[name] = random.normal(0, 0.2, shape).astype(np.float32)

    def add_norm(name: str) -> None:
        tensors[f"{name}.weight"] = np.ones(DIM, dtype=np.float32)
        tensors[f"{name}.bias"] = np.zeros(DIM, dtype=np.float32)

    def add_linear(name: str, rows: int = DIM, columns: int = DIM) -> None:
        add(f"{name}.weight", rows, columns)
        tensors[f"{name}.bias"] = np.zeros(rows, dtype=np.float32)

    for name, count in (("word", len(WORDS)), ("position", POSITIONS), ("token_type", 2)):
        add(f"embeddings.{name}_embeddings.weight", count, DIM)
    add_norm("embeddings.LayerNorm")
    for layer in (f"encoder.layer.{number}" for number in range(LAYERS)):
        for part in ("self.query", "self.key", "self.value", "output.dense"):
            add_linear(f"{layer}.attention.{part}")
        add_norm(f"{layer}.attention.output.LayerNorm")
        add_linear(f"{layer}.intermediate.dense", INNER, DIM)
        add_linear(f"{layer}.output.dense", DIM, INNER)
        add_norm(f"{layer}.output.LayerNorm")
    add_linear("pooler.dense")
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    write_json(
        folder / "config.json",
        {
            "architectures": ["BertModel"],
            "model_type": "bert",
            "vocab_size": len(WORDS),
            "hidden_size": DIM,
            "num_hidden_layers": LAYERS,
            "num_attention_heads": 2,
            "intermediate_size": INNER,
            "max_position_embeddings": POSITIONS,
            "hidden_act": "gelu",
            "layer_norm_eps": 1e-12,
        },
    )


@pytest.fixture(scope="session")
def tiny_original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models") / "tiny"
    folder.mkdir()
    _write_weights(folder)
    _write_tokenizer(folder)
    kinds = {"": "Transformer", "1_Pooling": "Pooling", "2_Normalize": "Normalize"}
    modules = [
        {"idx": i, "name": str(i), "path": path, "type": f"sentence_transformers.models.{kind}"}
        for i, (path, kind) in enumerate(kinds.items())
    ]
    write_json(folder / "modules.json", modules)
    write_json(folder / "sentence_bert_config.json", {"max_seq_length": MAX_TOKENS})
    write_json(
        folder / "1_Pooling/config.json",
        {"word_embedding_dimension": DIM, "pooling_mode_mean_tokens": True},
    )
    write_json(folder / "config_sentence_transformers.json", {"prompts": {"query": "query : "}})
    return folder


@pytest.fixture
def tiny(tiny_original: Path, tmp_path: Path) -> Path:
    """A copy that the test may change."""
    return Path(shutil.copytree(tiny_original, tmp_path / "tiny"))


class Endpoint:
    """An OpenAI-compatible server: answers what its script says, then real answers."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.dim = 4
        self.requests: list[dict[str, Any]] = []
        self.keys: list[str | None] = []
        self.script: list[tuple[int, object, dict[str, str]]] = []
        self.refuse: Callable[[list[str]], tuple[int, object] | None] = lambda texts: None
        self.refuse_request: Callable[[dict[str, Any]], tuple[int, object] | None] = lambda r: None
        self.hang_up: Callable[[list[str]], str | None] = lambda texts: None
        self.answer: Callable[[dict[str, Any]], object] = self.good_answer

    def then(self, status: int, body: object = "", **headers: str) -> None:
        """Script the next answer."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self.script.append((status, body, named))

    def respond(self, request: dict[str, Any]) -> tuple[int, object, dict[str, str]]:
        self.requests.append(request)
        if self.script:
            return self.script.pop(0)
        refused = self.refuse_request(request) or self.refuse(request["input"])
        return (*refused, {}) if refused else (200, self.answer(request), {})

    def good_answer(self, request: dict[str, Any]) -> object:
        dim = request.get("dimensions", self.dim)
        data = [
            {"index": i, "embedding": [float(len(text)), *([1.0] * (dim - 1))]}
            for i, text in enumerate(request["input"])
        ]
        return {"data": data[::-1], "model": request["model"]}


@pytest.fixture
def endpoint(monkeypatch: pytest.MonkeyPatch) -> Iterator[Endpoint]:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            served.keys.append(self.headers.get("Authorization"))
            request = json.loads(body)
            hang_up = served.hang_up(request["input"])
            if hang_up is not None:
                # nothing at all, or less than was promised
                if hang_up == "cut":
                    self.wfile.write(b'HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n{"data": [')
                return
            status, answer, headers = served.respond(request)
            content = answer if isinstance(answer, str) else json.dumps(answer)
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content.encode())

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    served = Endpoint(f"http://127.0.0.1:{server.server_port}/v1")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield served
    server.shutdown()
    thread.join()
    server.server_close()
