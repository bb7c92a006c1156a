"""Megabytes a second of cutting text: embeddb's chunker against semantic-text-splitter.

Both cut the same real text, Python's documentation topics, by the tokens of the same tokenizer
with the same limit. `pip install semantic-text-splitter` first; without it only ours is shown.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from importlib import import_module
from pydoc_data.topics import topics
from typing import Any

from tokenizers import Tokenizer

from benchmarks.common import parser, show
from embeddb.chunkers import make_chunker
from embeddb.encoders import EncoderSettings, load_encoder
from embeddb.protocols import Tokenized


def main() -> None:
    made = parser(__doc__)
    made.add_argument("--max-tokens", type=int, default=254)
    made.add_argument("--megabytes", type=float, default=0.5)
    options = made.parse_args()
    text = "\n\n".join(topics.values())[: int(options.megabytes * 1e6)]
    encoder = load_encoder("all-MiniLM-L6-v2", settings=EncoderSettings())
    assert isinstance(encoder, Tokenized)
    tokenizer = encoder.tokenizer()
    assert tokenizer is not None
    ours = make_chunker({"kind": "text", "overlap": 0}, tokenizer, options.max_tokens)
    ways: dict[str, Callable[[str], Sequence[object]]] = {"embeddb": ours.chunks}
    ways |= library(tokenizer, options.max_tokens)
    rates: dict[str, list[float]] = {way: [] for way in ways}
    counts: dict[str, int] = {}
    for _ in range(options.rounds):
        for way, cut in ways.items():
            started = time.perf_counter()
            counts[way] = len(cut(text))
            rates[way].append(len(text) / 1e6 / (time.perf_counter() - started))
    rows: list[dict[str, Any]] = [
        {"way": way, "MB/s": statistics.median(values), "chunks": counts[way]}
        for way, values in rates.items()
    ]
    show(
        options,
        f"Cutting {len(text) / 1e6:.1f} MB into chunks of {options.max_tokens} tokens",
        rows,
    )


def library(tokenizer: Tokenizer, max_tokens: int) -> dict[str, Callable[[str], Sequence[object]]]:
    try:
        splitter = import_module("semantic_text_splitter").TextSplitter
    except ImportError:
        return {}
    return {
        "semantic-text-splitter": splitter.from_huggingface_tokenizer(tokenizer, max_tokens).chunks
    }


if __name__ == "__main__":
    main()
