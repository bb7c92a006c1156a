"""Training a collection's SQL encoder on its own texts: train, measure, store."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from embeddb.db.database import Database
from embeddb.encoders.media import encode_batch
from embeddb.errors import SQLEncoderError
from embeddb.pipeline.generation.model import BoundModel
from embeddb.protocols import Encoder, PhaseProgress
from embeddb.records import Role, Vector
from embeddb.repository.query_encoding.sql_encoders import SampledTexts, SQLEncoders, TokenTable
from embeddb.schema.catalog import CollectionRecord
from embeddb.sql_encoder.features import Features
from embeddb.sql_encoder.fit import Examples, fit, single_columns
from embeddb.sql_encoder.report import SQLEncoderReport, compare
from embeddb.sql_encoder.spans import LONG_ENOUGH, spans
from embeddb.sql_encoder.wordpiece import BIAS, WordPiece

LEAST_TEXTS = 20
HELD_OUT_SHARE = 0.1
HELD_OUT_MOST = 1000

BATCH = 2048
"""Texts encoded between two reports of progress."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainOptions:
    """How much to train on: more takes longer, and comes nearer to the model.

    Attributes:
        texts: how many chunks of the collection, drawn at random. Where vectors are stored as the
            model made them, these cost nothing; otherwise the chunks are encoded again.
        spans: how many short pieces of them are encoded.
        words: how many words that the vocabulary holds only in pieces get a row of their own.
        pairs: how many pairs of neighbours get a row of their own.
        tokens: how many tokens of the vocabulary the model encodes one by one, so that a query may
            have words that the collection does not; those of the texts first, then the commonest.
        queries: how many held-out spans the result is measured on.
        seed: of everything that is drawn at random.
    """

    texts: int = 50_000
    spans: int = 40_000
    words: int = 20_000
    pairs: int = 30_000
    tokens: int = 30_000
    queries: int = 1_000
    seed: int = 0


def train_sql_encoder(
    database: Database,
    record: CollectionRecord,
    model: BoundModel,
    options: TrainOptions,
    progress: PhaseProgress = lambda phase, done, total: None,
) -> SQLEncoderReport:
    """Train the SQL encoder of a collection, measure it, store it, and return the report.

    Raises:
        SQLEncoderError: the model's tokenizer is not WordPiece, or there are too few texts.
        ModelError: the model cannot be used, or takes no text.
        GenerationChangedError: the collection was converted meanwhile.
    """
    return _Training(database, record, model, options, progress).run()


class _Training:
    def __init__(
        self,
        database: Database,
        record: CollectionRecord,
        model: BoundModel,
        options: TrainOptions,
        progress: PhaseProgress,
    ) -> None:
        self._database = database
        self._record = record
        self._encoder: Encoder = model.encoder
        self._pieces = WordPiece.of(model.tokenizer(), self._encoder.info.name)
        self._limit = model.capacity() or 512
        self._options = options
        self._progress = progress

    def run(self) -> SQLEncoderReport:
        started = time.perf_counter()
        sampled = self._sample()
        held = self._held_out(len(sampled.texts))
        kept = [number for number in range(len(sampled.texts)) if number not in held]
        texts = [sampled.texts[number] for number in kept]
        features = Features.of(
            self._pieces,
            texts,
            limit=self._limit,
            words=self._options.words,
            pairs=self._options.pairs,
        )
        documents = self._documents(sampled)
        lengths = np.linalg.norm(documents, axis=1)
        examples, prior = self._examples(features, texts, documents[kept])
        weights = fit(features, examples, prior, lambda *done: self._progress("fitting", *done))
        measured = self._measure(features, weights, sampled.texts, held, _unit(documents))
        report = SQLEncoderReport(
            **measured,  # type: ignore[arg-type]
            corpus=len(documents),
            texts=len(texts),
            examples=len(examples.texts),
            tokens=len(weights),
            seconds=time.perf_counter() - started,
        )
        self._store(features, weights, float(np.mean(lengths)), report)
        return report

    def _sample(self) -> SampledTexts:
        sampled = SQLEncoders(self._database).sample(self._record, self._options.texts)
        if len(sampled.texts) < LEAST_TEXTS:
            raise SQLEncoderError(
                f"Collection {self._record.name!r} has {len(sampled.texts)} chunks with text; an "
                f"SQL encoder is trained on {LEAST_TEXTS} or more."
            )
        return sampled

    def _held_out(self, count: int) -> set[int]:
        most = min(HELD_OUT_MOST, max(1, int(HELD_OUT_SHARE * count)))
        return set(random.Random(self._options.seed).sample(range(count), most))

    def _documents(self, sampled: SampledTexts) -> Vector:
        """Return the vectors of the texts as documents, the stored ones where they can be had."""
        if sampled.vectors is not None:
            return sampled.vectors
        return self._encode("texts", sampled.texts, "document")

    def _examples(
        self, features: Features, texts: list[str], documents: Vector
    ) -> tuple[Examples, Vector]:
        """Return the examples to train on, and the prior of each column."""
        info = self._encoder.info
        if info.query_prompt != info.document_prompt:  # then a text has another vector as a query
            documents = self._encode("texts as queries", texts, "query")
        drawn = [span for _, span in spans(texts, self._options.spans, seed=self._options.seed)]
        columns, names = zip(*single_columns(features, texts, self._options.tokens), strict=True)
        own = _unit(self._encode("tokens", names, "query"))
        prior = np.zeros((len(features.names), own.shape[1]), dtype=np.float32)
        prior[list(columns)] = own
        examples = Examples(texts=texts, vectors=_unit(documents))
        examples += Examples(texts=drawn, vectors=_unit(self._encode("spans", drawn, "query")))
        whole = [place for place, name in enumerate(names) if _is_word(features, columns[place])]
        words = Examples(texts=[names[place] for place in whole], vectors=own[whole])
        return examples + words, prior

    def _measure(
        self,
        features: Features,
        weights: Vector,
        texts: list[str],
        held: set[int],
        documents: Vector,
    ) -> dict[str, float | int]:
        numbers = sorted(held)
        drawn = spans(
            [texts[number] for number in numbers],
            self._options.queries,
            seed=self._options.seed + 1,
            lengths=LONG_ENOUGH,
        )
        asked = [span for _, span in drawn]
        own = _unit(self._encode("held-out queries", asked, "query"))
        bias = self._pieces.vocabulary.index(BIAS)
        made = _unit(np.asarray(features.matrix(asked, bias) @ weights, dtype=np.float32))
        relevant = [[numbers[number]] for number, _ in drawn]
        return {"queries": len(asked), **compare(made, own, documents, relevant)}

    def _store(
        self, features: Features, weights: Vector, length: float, report: SQLEncoderReport
    ) -> None:
        self._progress("storing", 0, 1)
        normalized = self._encoder.info.normalized
        table = TokenTable(
            names=features.names,
            weights=weights,
            pieces=len(self._pieces.vocabulary),
            rules=self._pieces.rules,
            max_tokens=self._limit,
            length=1.0 if normalized else length,
        )
        SQLEncoders(self._database).put(self._record, table, report.to_json())
        self._progress("storing", 1, 1)

    def _encode(self, phase: str, texts: Sequence[str], role: Role) -> Vector:
        order = sorted(range(len(texts)), key=lambda place: len(texts[place]))
        vectors = np.zeros((len(texts), self._encoder.info.dim), dtype=np.float32)
        for start in range(0, len(order), BATCH):
            rows = order[start : start + BATCH]
            vectors[rows] = encode_batch(self._encoder, [texts[row] for row in rows], role)
            self._progress(phase, start + len(rows), len(order))
        return vectors


def _is_word(features: Features, column: int) -> bool:
    """Return whether a column is a whole word, not the end of one."""
    names = features.pieces.vocabulary
    return column >= len(names) or not names[column].startswith("##")


def _unit(vectors: Vector) -> Vector:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit: Vector = (vectors / np.where(lengths > 0, lengths, 1)).astype(np.float32)
    return unit
