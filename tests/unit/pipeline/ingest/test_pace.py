"""What is encoded is written every few seconds, however fast the encoder is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import count

from embeddb.chunkers import TextChunker
from embeddb.pipeline.generation.form import StoredForm
from embeddb.pipeline.ingest.encode import EncodeStage
from embeddb.pipeline.ingest.pace import FIRST_CHUNKS, Pace
from embeddb.pipeline.ingest.prepare import Preparer
from embeddb.pipeline.ingest.work import COMMIT_SECONDS, Work
from embeddb.records import Document, Role, Vector
from embeddb.repository.collections.documents import Documents
from tests.support.encoders import HashEncoder
from tests.support.generations import generation, record
from tests.unit.pipeline.ingest.test_prepare import DATABASE, TEXTS, preparer


class TimedEncoder(HashEncoder):
    """Takes its time by a clock of its own."""

    def __init__(self, seconds_each: float) -> None:
        super().__init__()
        self.now = 0.0
        self._seconds_each = seconds_each

    def encode(self, texts: Sequence[str], role: Role = "document") -> Vector:
        self.now += self._seconds_each * len(texts)
        return super().encode(texts, role)

    def clock(self) -> float:
        return self.now


def parts(encoder: TimedEncoder, documents: int, chunk_words: int = 100) -> list[Work]:
    """Return how the documents of one batch are written."""
    items = [Document(id=str(n), content=f"{n} one two three. " * 4) for n in range(documents)]
    works = preparer(TEXTS, chunker=TextChunker(chunk_words)).batches(items)
    stage = EncodeStage(encoder, StoredForm(None, TEXTS), strict=False, clock=encoder.clock)
    return list(stage.parts(works))


def test_a_slow_encoder_is_waited_for_a_few_seconds_and_no_more() -> None:
    encoder = TimedEncoder(0.125)
    done = parts(encoder, 200)
    assert done[0].chunks == FIRST_CHUNKS
    assert {work.chunks for work in done[1:-1]} == {24}  # three seconds of eight a second
    assert [one.id for work in done for one in work.documents] == [str(n) for n in range(200)]
    assert sum(work.seen for work in done) == sum(work.encoded for work in done) == 200
    assert all(work.vectors is not None and len(work.vectors) == work.chunks for work in done)


def test_a_document_is_written_whole_however_long_it_takes() -> None:
    done = parts(TimedEncoder(5), 4, chunk_words=6)
    assert [len(work.documents) for work in done[1:]] == [1] * (len(done) - 1)
    assert all(work.chunks > 1 for work in done)


def test_a_fast_encoder_soon_gets_whole_batches() -> None:
    done = parts(TimedEncoder(1e-5), 2000)
    assert [work.chunks for work in done[:3]] == [8, 32, 128]
    assert len(done) < 9


def test_the_pace_follows_the_encoder_and_a_part_without_texts_says_nothing() -> None:
    pace = Pace()
    pace.measured(8, 0.8)
    assert pace.chunks == 30
    pace.measured(0, 5.0)
    assert pace.chunks == 30
    pace.measured(30, 300.0)
    assert pace.chunks == 1
    pace.measured(1, 0.0)
    assert pace.chunks == 4


def test_what_needs_no_encoding_is_written_with_the_first_part() -> None:
    items = [Document(id=str(n), content=f"text {n}") for n in range(9)]
    (work,) = preparer(TEXTS).batches([*items, Document(id="bad", content="")])
    known = work.documents[3].chunks[0].content_hash
    work.known_vectors = {known: HashEncoder().encode(["x"])[0]}
    first, rest = work.split(4)
    assert rest is not None
    assert [len(one.documents) for one in (first, rest)] == [5, 4]
    assert (first.seen, rest.seen, len(first.failures), len(rest.failures)) == (6, 4, 1, 0)
    assert rest.split(100) == (rest, None)


def test_a_slow_source_is_not_waited_for_until_a_batch_is_full() -> None:
    ticks = count()

    def clock() -> float:
        return float(next(ticks)) * COMMIT_SECONDS / 10

    def slow() -> Iterator[Document]:
        for number in range(100):
            yield Document(id=str(number), content=f"text {number}")

    of = generation(dim=64, model=HashEncoder().info)
    stage = Preparer(
        Documents(DATABASE, record(of)),
        of,
        StoredForm(None, of),
        chunker=TextChunker(100),
        tokenizer=None,
        capacity=None,
        fresh=True,
        strict=False,
        clock=clock,
    )
    works = list(stage.batches(slow()))
    assert len(works) > 5
    assert [one.id for work in works for one in work.documents] == [str(n) for n in range(100)]
