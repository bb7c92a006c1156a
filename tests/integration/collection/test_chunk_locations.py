"""Where chunks stand is stored, shown in hits, and put before them when they are encoded."""

from __future__ import annotations

import json
from typing import Any

import pytest

import embeddb
from embeddb.chunkers import make_chunker
from embeddb.records import Document, Hit
from embeddb.schema.indexes import HNSW
from embeddb.worker import Worker, WorkerOptions
from tests.support.encoders import HashEncoder
from tests.support.postgres import one, rows

BODY = "The river is high today and boats stay at the quay. " * 3
GUIDE = f"# Guide\n\nIntro.\n\n## Install\n\n{BODY}\n\n### Linux\n\n{BODY}penguin\n"
CHUNKER = {"kind": "markdown", "max_tokens": 90}


def hits(
    found: embeddb.Collection,
    text: str = "penguin",
    **options: Any,  # noqa: ANN401
) -> list[Hit]:
    return found.search(text, 20, **options)


def guide(title: str | None = None, **metadata: int) -> Document:
    known: dict[str, Any] = {**metadata}
    if title is not None:
        known["title"] = title
    return Document(id="guide", content=GUIDE, media_type="text/markdown", metadata=known)


def old(store: embeddb.Store, name: str = "docs") -> None:
    """Make of a collection one that was created before there was a version 2."""
    before = {key: CHUNKER.get(key) for key in ("kind", "max_tokens", "overlap")}
    rows(
        store.url,
        "UPDATE embeddb.generations g SET chunker = %s FROM embeddb.collections c "
        "WHERE c.id = g.collection_id AND c.name = %s",
        [json.dumps(before), name],
    )


def _drain(store: embeddb.Store, encoder: HashEncoder) -> None:
    Worker(store, WorkerOptions(once=True), encoders={"pages": encoder}).run()


@pytest.mark.parametrize("storage", ["vector", "int8", "bit"])
@pytest.mark.parametrize("index", [HNSW(), None])
def test_hits_say_where_they_stand(store: embeddb.Store, storage: str, index: HNSW | None) -> None:
    distance = "hamming" if storage == "bit" else "cosine"
    docs = store.create_collection(
        "docs",
        model=HashEncoder(),
        chunker=CHUNKER,
        storage=storage,
        index=index,
        distance=distance,
    )
    docs.ingest([guide(part=1)])
    for options in ({}, {"exact": True}, {"filter": {"part": 1}}):
        found = {hit.chunk_no: hit.location for hit in hits(docs, **options)}
        assert found[0] == {"headings": ["Guide"], "lines": [1, 3]}
        assert found[max(found)]["headings"] == ["Guide", "Install", "Linux"]
        for number, location in found.items():
            first, last = location["lines"]
            text = "\n".join(GUIDE.split("\n")[first - 1 : last])
            content = next(hit.content for hit in hits(docs) if hit.chunk_no == number)
            assert content is not None and content in text
    many = docs.search_many(["penguin"], 3)[0]
    assert many[0].location == hits(docs)[0].location
    assert docs.similar("guide", 3) == []


def test_the_encoder_is_given_the_context_and_the_content_stays_a_slice(
    store: embeddb.Store,
) -> None:
    encoder = HashEncoder()
    docs = store.create_collection("docs", model=encoder, chunker=CHUNKER)
    docs.ingest([guide("Handbook")])
    assert any(text.startswith("Handbook › Guide › Install\n\n") for text in encoder.texts)
    for hit in hits(docs):
        assert hit.span is not None
        assert hit.content == GUIDE[slice(*hit.span)]


def test_context_none_encodes_the_text_alone(store: embeddb.Store) -> None:
    encoder = HashEncoder()
    docs = store.create_collection("docs", model=encoder, chunker={**CHUNKER, "context": "none"})
    docs.ingest([guide("Handbook")])
    assert set(encoder.texts) <= {hit.content for hit in hits(docs)} | {"penguin"}
    assert hits(docs)[0].location["headings"]


def test_vectors_are_kept_where_text_and_context_are_the_same(store: embeddb.Store) -> None:
    docs = store.create_collection("docs", model=HashEncoder(), chunker=CHUNKER)
    first = docs.ingest([guide("Handbook")])
    assert docs.ingest([guide("Handbook", year=2020)]).encoded == 0
    renamed = docs.ingest([guide("Manual", year=2020)])
    assert (renamed.updated, renamed.encoded) == (1, first.encoded)
    fresh = store.create_collection("fresh", model=HashEncoder(), chunker=CHUNKER)
    fresh.ingest([guide("Manual", year=2020)])
    assert [(hit.chunk_no, hit.distance) for hit in hits(docs)] == [
        (hit.chunk_no, hit.distance) for hit in hits(fresh)
    ]
    appended = Document(
        id="guide",
        content=GUIDE + f"\n## More\n\n{BODY}",
        media_type="text/markdown",
        metadata={"title": "Manual"},
    )
    assert 0 < docs.ingest([appended]).encoded < first.encoded


def test_a_collection_from_before_is_cut_as_before(store: embeddb.Store) -> None:
    encoder = HashEncoder()
    store.create_collection("docs", model=encoder, chunker=CHUNKER)
    old(store)
    docs = store.create_collection("docs", model=encoder, exist_ok=True)
    docs.ingest([guide("Handbook")])
    expected = make_chunker({**CHUNKER, "version": 1}).chunks(GUIDE, "text/markdown")
    assert sorted(encoder.texts) == sorted(chunk.content for chunk in expected)
    assert {json.dumps(hit.location) for hit in hits(docs)} == {"{}"}
    assert docs.ingest([guide("Another title")]).encoded == 0
    assert rows(store.url, "SELECT DISTINCT location FROM embeddb.docs_g1") == [(None,)]


def test_a_converted_collection_keeps_the_places(store: embeddb.Store) -> None:
    docs = store.create_collection("docs", model=HashEncoder(), chunker=CHUNKER)
    docs.ingest([guide("Handbook")])
    before = {hit.chunk_no: hit.location for hit in hits(docs)}
    docs.convert(storage="halfvec")
    assert {hit.chunk_no: hit.location for hit in hits(docs)} == before
    assert all(before.values())


def test_own_vectors_have_no_place(store: embeddb.Store) -> None:
    docs = store.create_collection("docs", model=None, dim=3)
    docs.add([{"id": "a", "content": "One.\nTwo.", "embedding": [1, 0, 0]}])
    assert docs.search([1, 0, 0], 1)[0].location == {}


def test_a_worker_stores_places_and_encodes_contexts(store: embeddb.Store) -> None:
    rows(store.url, "CREATE TABLE pages (id text PRIMARY KEY, title text, body text)")
    rows(store.url, "INSERT INTO pages VALUES ('guide', 'Handbook', %s)", [GUIDE])
    encoder = HashEncoder()
    pages = store.attach(
        "public.pages",
        name="pages",
        text="body",
        metadata=["title"],
        model=encoder,
        chunker=CHUNKER,
    )
    _drain(store, encoder)
    assert hits(pages)[-1].location
    linux = next(hit for hit in hits(pages) if "penguin" in (hit.content or ""))
    assert linux.location["headings"] == ["Guide", "Install", "Linux"]
    assert any(text.startswith("Handbook") for text in encoder.texts)
    encoder.texts.clear()
    rows(store.url, "UPDATE pages SET title = 'Manual'")
    _drain(store, encoder)
    assert any(text.startswith("Manual") for text in encoder.texts)


def test_a_new_place_is_stored_though_text_and_context_are_the_same(store: embeddb.Store) -> None:
    rows(store.url, "CREATE TABLE pages (id text PRIMARY KEY, body text)")
    rows(store.url, "INSERT INTO pages VALUES ('guide', %s)", [GUIDE])
    encoder = HashEncoder()
    chunker = {**CHUNKER, "context": "none"}
    pages = store.attach("public.pages", name="pages", text="body", model=encoder, chunker=chunker)
    _drain(store, encoder)
    rows(store.url, "UPDATE pages SET body = replace(body, '# Guide', '# Other')")
    _drain(store, encoder)
    assert {hit.location["headings"][0] for hit in hits(pages)} == {"Other"}


def test_the_functions_in_sql_return_what_they_did(store: embeddb.Store) -> None:
    docs = store.create_collection("docs", model=HashEncoder(), chunker=CHUNKER)
    docs.ingest([guide()])
    vector = "[" + ",".join(map(str, HashEncoder().encode(["penguin"])[0])) + "]"
    (found,) = rows(store.url, "SELECT * FROM embeddb.docs_search(%s::vector, 1)", [vector])
    assert len(found) == 8
    place = one(
        store.url,
        "SELECT c.location FROM embeddb.docs_search(%s::vector, 1) s "
        "JOIN embeddb.docs_g1 c ON c.id = s.id AND c.chunk_no = s.chunk_no",
        [vector],
    )
    assert place == hits(docs)[0].location
