"""The network that shortens vectors."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from embeddb.records import Vector
from embeddb.transforms import Transform, TransformSpec, autoencoder, dump, fit, load
from embeddb.transforms.steps import Affine, Normalize
from tests.support.transform_rows import fitted, skewed_rows, unit


def bent_rows(count: int) -> Vector:
    """Rows on a curved surface of three dimensions in twelve: no flat one holds them."""
    rng = np.random.default_rng(0)
    angles = rng.uniform(-1.5, 1.5, (count, 3))
    lifted = np.concatenate(
        [np.sin(angles), np.cos(angles), np.sin(2 * angles), np.cos(2 * angles)], axis=1
    )
    return lifted.astype(np.float32)


def recall_at_10(transform: Transform, rows: Vector, queries: Vector) -> float:
    """Of the ten most similar rows, the part found among the transformed."""
    truth = np.argsort(-unit(queries) @ unit(rows).T, axis=1)[:, :10]
    similar = unit(transform.apply(queries)) @ unit(transform.apply(rows)).T
    found = np.argsort(-similar, axis=1)[:, :10]
    return float(
        np.mean([len(np.intersect1d(*pair)) / 10 for pair in zip(truth, found, strict=True)])
    )


@pytest.fixture(scope="module", autouse=True)
def _small_and_quick() -> Iterator[None]:
    """Train on small batches and one thread: enough for small rows, whatever else runs."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(autoencoder, "BATCH_ROWS", 128)
        patch.setattr(autoencoder, "LEAST_BATCHES", 8)
        yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def trained() -> Transform:
    return fitted("autoencoder:4", rows=bent_rows(1_000))


def test_it_finds_more_than_pca_where_the_rows_are_curved(trained: Transform) -> None:
    rows = bent_rows(1_100)
    linear = fitted("pca:4", rows=rows[:1_000])
    assert recall_at_10(trained, rows[:1_000], rows[1_000:]) > (
        recall_at_10(linear, rows[:1_000], rows[1_000:])
    )


def test_for_cosine_it_begins_and_ends_with_normalize(trained: Transform) -> None:
    kinds = [type(step) for step in trained.steps]
    assert kinds == [Normalize, Affine, Affine, Normalize]
    assert trained.unit
    rows = bent_rows(10)
    assert np.allclose(trained.apply(rows), trained.apply(rows * np.float32(7)), atol=1e-5)


def test_it_survives_its_storage(trained: Transform) -> None:
    steps, rows = dump(trained)
    again = load(trained.spec, steps, rows, input_dim=12, fitted_rows=1_000)
    assert again.fingerprint == trained.fingerprint


def test_the_same_seed_trains_the_same_network(trained: Transform) -> None:
    assert fitted("autoencoder:4", rows=bent_rows(1_000)).fingerprint == trained.fingerprint


@pytest.mark.parametrize("distance", ["l2", "inner_product"])
def test_other_distances_keep_their_scale(distance: str) -> None:
    rows = skewed_rows(1_000, 6) * np.float32(30)
    heard: list[tuple[int, int]] = []
    transform = fit(
        TransformSpec(words=("autoencoder:5",)),
        rows,
        input_dim=6,
        distance=distance,
        progress=lambda done, total: heard.append((done, total)),
    )
    assert [type(step) for step in transform.steps] == [Affine, Affine]
    assert heard == [(done, len(heard)) for done in range(1, len(heard) + 1)]
    short = transform.apply(rows[:100])
    if distance == "l2":
        before = np.linalg.norm(rows[:50] - rows[50:100], axis=1)
        after = np.linalg.norm(short[:50] - short[50:], axis=1)
    else:
        before, after = (rows[:100] ** 2).sum(axis=1), (short**2).sum(axis=1)
    assert np.median(np.abs(after - before) / before) < 0.1
