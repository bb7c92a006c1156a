"""What a run reports while it goes on and at its end."""

from __future__ import annotations

from embeddb.pipeline.ingest.tally import Tally
from embeddb.pipeline.ingest.work import Work
from embeddb.records import Failure
from embeddb.repository.collections.documents import ReadyChunk, ReadyDocument


class Shown:
    """A display that remembers what it was told."""

    def __init__(self) -> None:
        self.steps: list[tuple[float, int | None]] = []

    def documents(self, done: float, total: int | None) -> None:
        self.steps.append((done, total))

    def index(self, phase: str, done: int, total: int) -> None:
        raise AssertionError("nothing is indexed here")


def document(id: str, chunks: int = 1) -> ReadyDocument:
    return ReadyDocument(
        id=id,
        id_data=id.encode(),
        data=b"text",
        metadata=b"{}",
        uri=None,
        media_type=None,
        content_hash=b"",
        chunks=[ReadyChunk(b"text", (0, 4), b"")] * chunks,
    )


def test_added_updated_unchanged_and_failed_add_up() -> None:
    shown = Shown()
    tally = Tally(display=shown, total=10)
    failure = Failure(id="f", error="EmptyDocumentError", message="no text")
    first = Work(
        documents=[document("a", 2), document("b")],
        metadata_changes=[document("c")],
        updated={"b"},
        unchanged=3,
        encoded=3,
        seen=7,
        failures=[failure],
    )
    tally.written(first)
    tally.written(Work(documents=[document("d")], encoded=1, seen=3, repaired=[failure]))
    report = tally.report(deleted=4)
    assert (report.added, report.updated, report.unchanged, report.deleted) == (2, 2, 3, 4)
    assert (report.chunks, report.encoded, report.failed) == (4, 4, 1)
    assert report.failures == report.repaired == (failure,)
    assert report.seconds >= 0
    assert shown.steps == [(7, 10), (10, 10)]  # what is written, not what is being encoded
