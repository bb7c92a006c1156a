"""What a WordPiece tokenizer does to a text, written down so that SQL can do the same."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from tokenizers import Tokenizer

from embeddb.errors import SQLEncoderError

UNKNOWN = "[UNK]"
BIAS = "[CLS]"
PREFIX = "##"

LONGEST_WORD = 100
"""BERT's own limit: a longer word is unknown. sql/functions/query_tokens.sql has it, too."""

_CODES = (range(0x01, 0xD800), range(0xE000, 0x30000), range(0xE0000, 0xE0200))
"""The characters whose rules are read: those beyond have none of their own."""

_OTHER_WAY = (
    "Texts can still be searched from SQL: run `embeddb worker`, which encodes them with the model."
)


@dataclass(frozen=True, kw_only=True, slots=True)
class WordPiece:
    """A BERT tokenizer, and its treatment of characters as patterns and maps for Postgres.

    Attributes:
        tokenizer: without truncation or padding.
        vocabulary: the token of each id.
        rules: `lower` and `decompose` (whether case and accents are dropped), `removed` (a pattern
            of characters that vanish), `from` and `to` (characters that become others), `apart` (a
            pattern of signs that are words of their own).
    """

    tokenizer: Tokenizer
    vocabulary: tuple[str, ...]
    rules: dict[str, Any]

    @classmethod
    def of(cls, tokenizer: Tokenizer | None, name: str) -> WordPiece:
        """Return what a model's tokenizer does.

        Raises:
            SQLEncoderError: the tokenizer is of another kind, which SQL cannot follow.
        """
        if tokenizer is None:
            raise _refusal(name, "it has no tokenizer")
        told = json.loads(tokenizer.to_str())
        _check_kind(told, name)
        ids = tokenizer.get_vocab(with_added_tokens=True)
        vocabulary = tuple(sorted(ids, key=ids.__getitem__))
        if sorted(ids.values()) != list(range(len(ids))):
            raise _refusal(name, "its vocabulary has gaps")
        return cls(
            tokenizer=tokenizer,
            vocabulary=vocabulary,
            rules=_rules(tokenizer, told["normalizer"]),
        )

    def words(self, texts: Sequence[str]) -> Iterator[list[tuple[int, ...]]]:
        """Yield the words of each text, each as the ids of its pieces."""
        for encoding in self.tokenizer.encode_batch(list(texts), add_special_tokens=False):
            words: list[list[int]] = []
            before = None
            for token, word in zip(encoding.ids, encoding.word_ids, strict=True):
                if word is None or word != before:
                    words.append([])
                words[-1].append(token)
                before = word
            yield [tuple(word) for word in words]

    def spelled(self, pieces: Iterable[int]) -> str:
        """Return the word that pieces spell together."""
        return "".join(self.vocabulary[piece].removeprefix(PREFIX) for piece in pieces)


def _check_kind(told: dict[str, Any], name: str) -> None:
    kinds = [
        (told.get(part) or {}).get("type") for part in ("normalizer", "pre_tokenizer", "model")
    ]
    model = told.get("model") or {}
    wanted = ["BertNormalizer", "BertPreTokenizer", "WordPiece"]
    if (
        kinds != wanted
        or model.get("continuing_subword_prefix") != PREFIX
        or model.get("max_input_chars_per_word") != LONGEST_WORD
        or not {UNKNOWN, BIAS} <= model.get("vocab", {}).keys()
    ):
        found = kinds[2] or "unknown"
        raise _refusal(name, f"its tokenizer is of the kind {found}, and not BERT's WordPiece")


def _refusal(name: str, why: str) -> SQLEncoderError:
    return SQLEncoderError(f"No SQL encoder can be made of the model {name!r}: {why}. {_OTHER_WAY}")


def _rules(tokenizer: Tokenizer, normalizer: dict[str, Any]) -> dict[str, Any]:
    """Return the rules of a tokenizer, found out one character at a time."""
    lower = bool(normalizer.get("lowercase"))
    strip = normalizer.get("strip_accents")
    decompose = lower if strip is None else bool(strip)
    removed: list[int] = []
    apart: list[int] = []
    changed: dict[str, str] = {}
    for code in (code for codes in _CODES for code in codes):
        character = chr(code)
        if decompose and unicodedata.normalize("NFD", character) != character:
            continue  # Postgres decomposes it first
        body = tokenizer.normalizer.normalize_str("a" + character + "b")[1:-1]
        if not body:
            removed.append(code)
        elif body.isspace():
            if character != " ":
                changed[character] = " "
        elif _stands_apart(tokenizer, body):
            apart.append(code)
        elif code > 0x7F and len(body) == 1 and body != character:
            changed[character] = body
    return {
        "lower": lower,
        "decompose": decompose,
        "removed": _pattern(removed),
        "apart": "(" + _pattern(apart) + ")",
        "from": "".join(changed),
        "to": "".join(changed.values()),
    }


def _stands_apart(tokenizer: Tokenizer, body: str) -> bool:
    return len(tokenizer.pre_tokenizer.pre_tokenize_str("a" + body + "b")) > 1


def _pattern(codes: Sequence[int]) -> str:
    """Return a character class for Postgres's regular expressions."""
    ranges: list[list[int]] = []
    for code in codes:
        if ranges and ranges[-1][1] == code - 1:
            ranges[-1][1] = code
        else:
            ranges.append([code, code])
    parts = (
        _escaped(first) if first == last else _escaped(first) + "-" + _escaped(last)
        for first, last in ranges
    )
    return "[" + "".join(parts) + "]"


def _escaped(code: int) -> str:
    return f"\\U{code:08x}"
