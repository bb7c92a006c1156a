"""The stage that prepares documents: what is cut, what is refused, and what a batch holds."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import pytest

from embeddb.chunkers import TextChunker, WholeDocument
from embeddb.db.pooled import PooledDatabase
from embeddb.errors import (
    ChunkTooLongError,
    DimensionMismatchError,
    DuplicateIdError,
    IngestAbortedError,
)
from embeddb.pipeline.generation.form import StoredForm
from embeddb.pipeline.ingest import prepare
from embeddb.pipeline.ingest.prepare import Preparer
from embeddb.pipeline.ingest.work import Work
from embeddb.protocols import Chunker
from embeddb.records import Chunk, Document, Failure
from embeddb.repository.collections.documents import Documents, ReadyDocument
from embeddb.schema.catalog import Generation
from embeddb.schema.chunkers import ContextKind
from tests.support.encoders import HashEncoder
from tests.support.generations import generation, record
from tests.support.tokenizers import word_piece

# An empty collection has nothing to compare with, so that this one is never asked.
DATABASE = PooledDatabase("postgresql://nobody@nowhere.invalid/none")
TEXTS = generation(dim=64, model=HashEncoder().info)
VECTORS = generation(dim=3)


def preparer(of: Generation, *, strict: bool = False, **options: Any) -> Preparer:  # noqa: ANN401
    chunker: Chunker | None = None if of.model is None else WholeDocument()
    return Preparer(
        Documents(DATABASE, record(of)),
        of,
        StoredForm(None, of),
        **({"chunker": chunker, "tokenizer": None, "capacity": None} | options),
        fresh=True,
        strict=strict,
    )


def only(works: Iterable[Work]) -> Work:
    (work,) = works
    return work


def test_a_text_is_cut_and_its_chunks_keep_their_places() -> None:
    text = "One sentence here. " * 8
    work = only(preparer(TEXTS, chunker=TextChunker(12)).batches([Document(id="a", content=text)]))
    (document,) = work.documents
    assert len(document.chunks) > 1
    for chunk in document.chunks:
        assert (chunk.data or b"").decode() == text[slice(*chunk.span)]
    assert len({chunk.content_hash for chunk in document.chunks}) == len(
        {chunk.data for chunk in document.chunks}
    )


def test_each_document_that_cannot_be_taken_fails_alone() -> None:
    items: list[Document | Failure] = [
        Document(id="a", content="good"),
        Document(id="b", content="  "),
        Failure(id="line 3", error="UnreadableDocumentError", message="not JSON"),
        Document(id="a", content="again"),
        Document(id="c", content="fine", metadata={"x": float("nan")}),
        Document(id="d", content="also good"),
    ]
    work = only(preparer(TEXTS).batches(items))
    assert [document.id for document in work.documents] == ["a", "d"]
    assert [(failure.id, failure.error) for failure in work.failures] == [
        ("b", "EmptyDocumentError"),
        ("line 3", "UnreadableDocumentError"),
        ("a", "DuplicateIdError"),
        ("c", "InvalidMetadataError"),
    ]
    assert work.seen == 6


@pytest.mark.parametrize(
    ("item", "error"),
    [
        (Failure(id="x", error="SourceError", message="gone"), IngestAbortedError),
        (Document(id="a", content="twice"), DuplicateIdError),
    ],
)
def test_strict_raises_what_would_be_a_failure(item: Document | Failure, error: type) -> None:
    with pytest.raises(error):
        list(preparer(TEXTS, strict=True).batches([Document(id="a", content="one"), item]))


def test_an_id_counts_as_seen_even_if_its_document_fails() -> None:
    stage = preparer(TEXTS)
    failure = Failure(id="lost", error="SourceError", message="gone")
    list(stage.batches([Document(id="a", content=""), failure]))
    # Pruning deletes what was not seen: a document that fails today must not be deleted for it.
    assert stage.seen == {hash("a"), hash("lost")}


def test_a_chunk_over_the_models_limit_is_refused_with_its_length() -> None:
    options: dict[str, Any] = {"tokenizer": word_piece(), "capacity": 4}
    items = [Document(id="a", content="one two three four five"), Document(id="b", content="one")]
    work = only(preparer(TEXTS, **options).batches(items))
    assert [document.id for document in work.documents] == ["b"]
    (failure,) = work.failures
    assert (failure.id, failure.error) == ("a", ChunkTooLongError.__name__)
    assert "has 5 tokens, and the model reads 4" in failure.message


def test_what_postgres_cannot_store_is_repaired_and_reported() -> None:
    work = only(preparer(TEXTS).batches([Document(id="a", content="one\0two\ud800")]))
    assert work.documents[0].data == "one\ufffdtwo\ufffd".encode()
    assert [(repaired.id, repaired.error) for repaired in work.repaired] == [
        ("a", "InvalidTextError")
    ]
    assert not work.failures


def test_ready_vectors_are_checked_one_by_one() -> None:
    rows = {"a": [1, 2, 2], "short": [1, 2], "zero": [0, 0, 0], "b": [0, 3, 4]}
    items = [Document(id=id, embedding=np.array(row, np.float32)) for id, row in rows.items()]
    work = only(preparer(VECTORS).batches(items))
    assert [document.id for document in work.documents] == ["a", "b"]
    assert work.vectors is not None
    assert work.vectors.tolist() == [[1, 2, 2], [0, 3, 4]]
    assert {failure.id: failure.error for failure in work.failures} == {
        "short": DimensionMismatchError.__name__,
        "zero": "InvalidVectorError",
    }


def test_another_vector_or_media_type_is_other_content() -> None:
    def content_hash(**fields: Any) -> bytes:  # noqa: ANN401
        of = VECTORS if "embedding" in fields else TEXTS
        return only(preparer(of).batches([Document(id="a", **fields)])).documents[0].content_hash

    one, two = np.array([1, 0, 0], np.float32), np.array([0, 1, 0], np.float32)
    hashes = [
        content_hash(content="text"),
        content_hash(content="text", media_type="text/markdown"),
        content_hash(content="text", embedding=one),
        content_hash(content="text", embedding=two),
    ]
    assert len(set(hashes)) == len(hashes)
    assert content_hash(content="text", metadata={"a": 1}) == hashes[0]


def test_a_batch_holds_whole_documents_up_to_its_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prepare, "WINDOW_DOCUMENTS", 2)
    monkeypatch.setattr(prepare, "BATCH_CHUNKS", 5)
    items = [Document(id=str(n), content="one two three. " * 4) for n in range(7)]
    works = list(preparer(TEXTS, chunker=TextChunker(8)).batches(items))
    ids = [document.id for work in works for document in work.documents]
    assert ids == [item.id for item in items]
    assert all(work.chunks >= 5 for work in works[:-1])
    assert sum(work.seen for work in works) == 7


class Lines:
    """A chunker of a user's own, from before there were titles and places."""

    def chunks(self, content: str, media_type: str | None = None) -> list[Chunk]:
        found: list[Chunk] = []
        for line in content.splitlines(keepends=True):
            start = found[-1].stop if found else 0
            found.append(Chunk(content=line, start=start, stop=start + len(line)))
        return found


def test_a_chunker_that_knows_no_titles_goes_on_working() -> None:
    item = Document(id="a", content="one\ntwo\n", metadata={"title": "Numbers"})
    (document,) = only(preparer(TEXTS, chunker=Lines()).batches([item])).documents
    assert [(chunk.data, chunk.location, chunk.context) for chunk in document.chunks] == [
        (b"one\n", None, ""),
        (b"two\n", None, ""),
    ]


def test_a_title_is_content_where_contexts_begin_with_it() -> None:
    def prepared(title: object, context: ContextKind) -> ReadyDocument:
        chunker = TextChunker(40, context=context)
        item = Document(id="a", content="one two", metadata={"title": title})
        return only(preparer(TEXTS, chunker=chunker).batches([item])).documents[0]

    one, two = prepared("Numbers", "headings"), prepared("Words", "headings")
    assert one.chunks[0].context == "Numbers"
    assert one.content_hash != two.content_hash
    assert one.chunks[0].content_hash != two.chunks[0].content_hash
    plain = prepared("Numbers", "none")
    assert plain.content_hash == prepared("Words", "none").content_hash
    assert plain.content_hash == prepared(7, "headings").content_hash
