"""The stage that encodes: whatever medium its chunks are of, and whatever its model fails on."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
import pytest

from embeddb.errors import EncodingError
from embeddb.pipeline.generation.form import StoredForm
from embeddb.pipeline.ingest.encode import EncodeStage, Reader, read_text
from embeddb.pipeline.ingest.work import Work
from embeddb.protocols import Encoder
from embeddb.records import Input, Media, ModelInfo, Role, Vector
from embeddb.repository.collections.documents import ReadyChunk, ReadyDocument
from tests.support.encoders import ColourEncoder, HashEncoder
from tests.support.generations import generation

PNG = b"\x89PNG"


def read_either(chunk: ReadyChunk) -> Input:
    """Return an image where the chunk is one, as an ingest of images would."""
    data = chunk.data or b""
    if data.startswith(PNG):
        return Media(medium="image", data=data.removeprefix(PNG), media_type="image/png")
    return read_text(chunk)


def document(id: str, *chunks: bytes) -> ReadyDocument:
    return ReadyDocument(
        id=id,
        id_data=id.encode(),
        data=None,
        metadata=b"{}",
        uri=None,
        media_type=None,
        content_hash=b"",
        chunks=[ReadyChunk(chunk, (0, 0), hashlib.md5(chunk).digest()) for chunk in chunks],
    )


def encoded(
    encoder: Encoder,
    work: Work,
    *,
    read: Reader = read_text,
    strict: bool = False,
    told: list[tuple[int, int]] | None = None,
) -> Work:
    form = StoredForm(None, generation(dim=encoder.info.dim))
    stage = EncodeStage(
        encoder,
        form,
        strict=strict,
        progress=lambda _, *steps: None if told is None else told.append(steps),
        read=read,
    )
    stage.encode(work)
    return work


def test_images_and_captions_are_encoded_into_one_space() -> None:
    encoder, told = ColourEncoder(), list[tuple[int, int]]()
    red, wide = PNG + bytes([200, 0, 0]), PNG + bytes([9, 0, 0, 0, 9, 0])
    documents = [document("a", b"red", red), document("b", wide, red), document("c", b"red green")]
    work = encoded(encoder, Work(documents=documents), read=read_either, told=told)
    assert work.vectors is not None
    rows = work.vectors.tolist()
    assert rows[0] == rows[1] == rows[3] == [1, 0, 0]
    assert rows[2] == rows[4] == [0.5, 0.5, 0]
    # CLIP-like models read texts or images in one call, and what comes twice is encoded once.
    assert [[type(value) for value in call] for call in encoder.calls] == [[str] * 2, [Media] * 2]
    assert encoder.calls[1][0] == Media(
        medium="image", data=wide.removeprefix(PNG), media_type="image/png"
    )
    assert told[-1] == (5, 5)
    assert not work.failures


def test_a_text_model_that_is_given_an_image_fails_that_document_alone() -> None:
    documents = [document("text", b"one"), document("image", b"two", PNG + b"123")]
    work = encoded(HashEncoder(), Work(documents=documents), read=read_either)
    assert [kept.id for kept in work.documents] == ["text"]
    assert work.vectors is not None
    assert np.array_equal(work.vectors, HashEncoder().encode(["one"]))
    (failure,) = work.failures
    assert (failure.id, failure.error) == ("image", "UnsupportedMediumError")
    assert failure.message.startswith("The model 'hash-64' takes text, not image: use a model")


def test_an_image_model_that_is_given_texts_takes_none_of_them() -> None:
    encoder = ColourEncoder("image")
    work = encoded(encoder, Work(documents=[document("a", b"red"), document("b", b"blue")]))
    assert not work.documents
    assert not encoder.calls
    assert {failure.error for failure in work.failures} == {"UnsupportedMediumError"}


def test_strict_stops_at_the_document_at_fault() -> None:
    documents = [document("a", b"red"), document("b", PNG + b"123")]
    with pytest.raises(EncodingError, match=r"Document 'b': .* takes text, not image"):
        encoded(ColourEncoder("text"), Work(documents=documents), read=read_either, strict=True)


def test_known_vectors_are_kept_and_their_texts_not_encoded() -> None:
    encoder = HashEncoder()
    known = np.full(encoder.dim, 2, dtype=np.float32)
    first = document("a", b"old", b"new")
    work = Work(documents=[first], known_vectors={first.chunks[0].content_hash: known})
    encoded(encoder, work)
    assert encoder.texts == ["new"]
    assert work.encoded == 1
    assert work.vectors is not None
    assert np.array_equal(work.vectors[0], known)


def test_a_vector_that_cannot_be_stored_is_the_documents_fault() -> None:
    class Zero(HashEncoder):
        def encode(self, texts: Sequence[str], role: Role = "document") -> Vector:
            return super().encode(texts, role) * [[text != "zero"] for text in texts]

        @property
        def info(self) -> ModelInfo:
            return ModelInfo(name="zero", fingerprint="zero", dim=self.dim)

    documents = [document("a", b"one", b"zero"), document("b", b"two")]
    work = encoded(Zero(), Work(documents=documents))
    assert [kept.id for kept in work.documents] == ["b"]
    assert work.vectors is not None and len(work.vectors) == 1
    assert "The model gave no usable vector" in work.failures[0].message
