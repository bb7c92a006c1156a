"""Finding the smallest form of a collection's vectors that still finds enough, by trying.

Each candidate is built as a generation of its own from the same chunks, searched, measured, and
dropped. It is measured against exact answers over the vectors that are stored now, so that recall
counts everything that a form loses: in the column, in the transform and in the index.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, replace

import numpy as np

from embeddb.db.database import Database
from embeddb.errors import ConfigurationError, DocumentError, IndexBuildError, IndexSpecError
from embeddb.evaluation.compression.advice import Advice, Measured, Skipped
from embeddb.evaluation.compression.candidates import (
    Candidate,
    CandidateLike,
    base_form,
    current_form,
    default_candidates,
    ladder,
    scaled,
    with_current,
)
from embeddb.evaluation.compression.exact_answers import Answer, ExactAnswers
from embeddb.evaluation.questions import asking
from embeddb.evaluation.recall import Question, mean, percentile, timed
from embeddb.evaluation.settings import search_settings
from embeddb.pipeline.conversion.convert import (
    drop_leftovers,
    rows_needed,
    scratch_generation,
    while_active,
)
from embeddb.pipeline.conversion.transition import Transition
from embeddb.progress import Display, Silent
from embeddb.records import Vector
from embeddb.repository.collections.documents import Documents
from embeddb.repository.collections.generations import ChunkKey
from embeddb.repository.collections.samples import Samples, Size
from embeddb.repository.indexes.indexes import Indexes
from embeddb.repository.search.scan_settings import read_the_index
from embeddb.repository.search.searcher import Searcher
from embeddb.schema.catalog import CollectionRecord
from embeddb.schema.indexes import IVFPQ, IndexSpec
from embeddb.schema.storage import Storage


@dataclass(frozen=True, kw_only=True, slots=True)
class _Sample:
    """The chunks that every candidate is built from, and the questions that it is asked.

    Attributes:
        keys: the chunks; None for all of them.
        questions: vectors in the form that is stored now.
        held_out: whether the questions are no part of the chunks.
        rows: how many chunks the collection has in all.
    """

    keys: list[ChunkKey] | None
    questions: list[Question]
    held_out: bool
    rows: int


@dataclass(frozen=True, kw_only=True, slots=True)
class _Attempt:
    """An index searched with certain settings."""

    index: IndexSpec | None
    recall: float
    p50_ms: float
    p95_ms: float


def advise(
    database: Database,
    record: CollectionRecord,
    *,
    recall: float,
    limit: int,
    sample: int,
    rows: int | None,
    candidates: Sequence[CandidateLike] | None,
    queries: Sequence[Vector] | None,
    display: Display,
) -> Advice:
    """Try forms one after the other, and return which is the smallest that finds enough.

    Args:
        database: where the collection is.
        record: the collection.
        recall: what is enough: recall@limit against exact search over what is stored now.
        limit: how many rows a search is for.
        sample: how many stored vectors to search for.
        rows: how many chunks each form is built from, drawn at random; None for all.
        candidates: the forms; None for those that are usually worth trying.
        queries: vectors to search for instead, in the form that is stored now, shape (dim,) each.
        display: shows which form is being tried, and how far it is.

    Raises:
        ConfigurationError: the collection is empty, keeps only bits, or waits for its transform;
            or an argument is out of range.
        GenerationChangedError: another process converted the collection meanwhile.
    """
    _check_numbers(recall=recall, limit=limit, sample=sample, rows=rows)
    _check_collection(database, record)
    asked = default_candidates(record)
    if candidates is not None:
        asked = [Candidate.of(candidate, record) for candidate in candidates]
    base = base_form(record)
    tried = with_current([base, *asked], record)
    drop_leftovers(database, record)
    drawn = _draw(database, record, rows=rows, sample=sample, queries=queries)
    experiment = _Experiment(database, record, drawn, recall=recall, limit=limit, display=display)
    with while_active(database, record):
        experiment.find_exact_answers()
    measured: list[Measured] = []
    skipped: list[Skipped] = []
    for number, candidate in enumerate(tried, start=1):
        try:
            found = experiment.measure(candidate, f"{number}/{len(tried)} {candidate.label}")
        except (ConfigurationError, DocumentError, IndexBuildError) as error:
            skipped.append(Skipped(candidate=candidate, reason=str(error)))
            continue
        only_base = candidate == base and base not in asked and not found.is_current
        measured.append(replace(found, is_base=only_base))
    return Advice.of(
        measured,
        skipped,
        collection=record.name,
        distance=record.generation.distance.label,
        target=recall,
        limit=limit,
        rows=experiment.rows,
        total_rows=drawn.rows,
        queries=len(drawn.questions),
        held_out=drawn.held_out,
    )


class _Experiment:
    """The same chunks and the same questions for every candidate."""

    def __init__(
        self,
        database: Database,
        record: CollectionRecord,
        sample: _Sample,
        *,
        recall: float,
        limit: int,
        display: Display,
    ) -> None:
        self._database = database
        self._record = record
        self._sample = sample
        self._recall = recall
        self._limit = limit
        self._display = display
        self._answers: list[Answer] = []
        self.rows = 0

    def find_exact_answers(self) -> None:
        """Find the exact answers among the chunks of the sample."""
        exact = ExactAnswers(self._sample.questions, self._limit, self._record.generation.distance)
        keys = self._sample.keys
        total = self._sample.rows if keys is None else len(keys)
        with closing(Samples(self._database, self._record).vectors(keys)) as stream:
            for found, vectors in stream:
                exact.add(found, vectors)
                self._display.index("exact answers", exact.rows, total)
        self._answers = exact.answers()
        self.rows = exact.rows

    def measure(self, candidate: Candidate, label: str) -> Measured:
        """Build a candidate, search it, drop it, and return what was measured.

        Raises:
            ConfigurationError, DocumentError, IndexBuildError: the candidate cannot be built.
        """
        display = labelled(self._display, label)
        form = candidate.form(self._record.generation.distance)
        started = time.perf_counter()
        with scratch_generation(
            self._database, self._record, form, display, self._sample.keys
        ) as built:
            seconds = time.perf_counter() - started
            self._check_built(built)
            size = Samples(self._database, built).size()
            attempt = self._best_attempt(built, display)
        return self._measured(candidate, size, seconds, attempt)

    def _check_built(self, built: CollectionRecord) -> None:
        """Check that the index is there: one that needs more rows to learn from is put off."""
        index = built.generation.index
        if index is None:
            return
        if built.tables.vector_index(index.method) in Indexes(self._database, built).missing(index):
            raise IndexSpecError(
                f"{self.rows:,} chunks are too few for its index to learn from: try it with more "
                "rows."
            )

    def _best_attempt(self, built: CollectionRecord, display: Display) -> _Attempt:
        """Return the first settings that find enough, or those that find the most."""
        vectors = np.stack([question.vector for question in self._sample.questions])
        moved = Transition(self._database, self._record, built).vectors(vectors)
        questions = [
            question._replace(vector=vector)
            for question, vector in zip(self._sample.questions, moved, strict=True)
        ]
        attempts: list[_Attempt] = []
        for index in ladder(built.generation.index, self._limit):
            record = replace(built, generation=replace(built.generation, index=index))
            attempts.append(self._attempt(record, questions, display))
            if attempts[-1].recall >= self._recall:
                break
        return max(attempts, key=lambda attempt: attempt.recall)

    def _attempt(
        self, record: CollectionRecord, questions: Sequence[Question], display: Display
    ) -> _Attempt:
        index = record.generation.index
        settings = search_settings(index, self._limit)
        label = ", ".join(f"{name} {value:g}" for name, value in settings.items()) or "exact"
        recalls: list[float] = []
        times: list[float] = []
        with self._database.transaction() as connection:
            if index is not None and not isinstance(index, IVFPQ):
                read_the_index(connection)  # as in the whole collection, however few rows these are
            ask = asking(Searcher(self._database, record), connection, self._limit)
            ask(questions[0])  # the first search plans and warms up, which must not count
            for done, question in enumerate(questions, start=1):
                recalls.append(self._answers[done - 1].recall(timed(ask, question, times)))
                display.index("searching, " + label, done, len(questions))
        return _Attempt(
            index=index,
            recall=mean(recalls),
            p50_ms=percentile(times, 50),
            p95_ms=percentile(times, 95),
        )

    def _measured(
        self, candidate: Candidate, size: Size, seconds: float, attempt: _Attempt
    ) -> Measured:
        rows = max(size.rows, 1)
        share = self._sample.rows / rows
        index = scaled(candidate.index, attempt.index, self._sample.rows)
        return Measured(
            candidate=candidate,
            index=index,
            settings=search_settings(attempt.index, self._limit),
            rows=size.rows,
            table_bytes=size.table_bytes,
            index_bytes=size.index_bytes,
            bytes_per_vector=round((size.table_bytes + size.index_bytes) / rows, 1),
            estimated_bytes=round((size.table_bytes + size.index_bytes) * share),
            build_seconds=round(seconds, 2),
            recall=round(attempt.recall, 4),
            p50_ms=attempt.p50_ms,
            p95_ms=attempt.p95_ms,
            reaches=attempt.recall >= self._recall,
            is_current=candidate == current_form(self._record),
        )


def labelled(display: Display, label: str) -> Display:
    """Return a display that names the candidate of each phase; `Silent` stays silent."""
    return display if isinstance(display, Silent) else _Labelled(display, label)


class _Labelled:
    def __init__(self, display: Display, label: str) -> None:
        self._display = display
        self._label = label

    def documents(self, done: float, total: int | None) -> None:
        """Pass the number of documents on."""
        self._display.documents(done, total)

    def index(self, phase: str, done: int, total: int) -> None:
        """Pass the phase on, with the label before it."""
        self._display.index(f"{self._label}: {phase}", done, total)


def _check_numbers(*, recall: float, limit: int, sample: int, rows: int | None) -> None:
    if not 0 < recall <= 1:
        raise ConfigurationError(f"recall must be above 0 and at most 1, not {recall!r}.")
    for name, value in (("limit", limit), ("sample", sample), ("rows", rows)):
        if value is not None and value < 1:
            raise ConfigurationError(f"{name} must be at least 1, not {value!r}.")


def _check_collection(database: Database, record: CollectionRecord) -> None:
    """Check that there is something to compress."""
    generation = record.generation
    if generation.storage is Storage.BIT:
        raise ConfigurationError(
            f"Collection {record.name!r} stores only bits, and there is no smaller form than that: "
            "there is nothing to compress."
        )
    count = Documents(database, record).count_chunks()
    if not count:
        raise ConfigurationError(
            f"Collection {record.name!r} is empty, and forms are tried on its own vectors: add "
            "documents first."
        )
    if generation.wanted is not None:
        needed = rows_needed(record)
        remedy = "add documents" if count < needed else "build its index (create_index())"
        raise ConfigurationError(
            f"Collection {record.name!r} is to be stored through "
            f"{', '.join(generation.wanted.transform)}, which is learned from {needed:,} chunks, "
            f"and has {count:,}: {remedy} first."
        )


def _draw(
    database: Database,
    record: CollectionRecord,
    *,
    rows: int | None,
    sample: int,
    queries: Sequence[Vector] | None,
) -> _Sample:
    """Return random chunks, with others as questions, or some of the same where there are few."""
    total = Documents(database, record).count_chunks()
    samples = Samples(database, record)
    if queries is not None and not len(queries):
        raise ConfigurationError("There is nothing to search for: queries= is empty.")
    keys: list[ChunkKey] | None = None
    if rows is not None and rows < total:
        drawn = samples.keys(rows + sample)
        keys, rest = drawn[:rows], drawn[rows:]
        if queries is None and len(rest) >= sample:
            questions = [Question(vector) for _, vector in _each(samples, rest)]
            return _Sample(keys=keys, questions=questions, held_out=True, rows=total)
    if queries is not None:
        asked = [Question(np.asarray(vector)) for vector in queries]
        return _Sample(keys=keys, questions=asked, held_out=True, rows=total)
    own = samples.keys(sample) if keys is None else keys[:sample]
    questions = [Question(vector, without=id) for (id, _), vector in _each(samples, own)]
    return _Sample(keys=keys, questions=questions, held_out=False, rows=total)


def _each(samples: Samples, keys: Sequence[ChunkKey]) -> list[tuple[ChunkKey, Vector]]:
    with closing(samples.vectors(keys)) as stream:
        return [pair for found, vectors in stream for pair in zip(found, vectors, strict=True)]
