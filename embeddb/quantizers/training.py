"""Learning an IVF-PQ codebook from a sample, with scikit-learn's k-means."""

from __future__ import annotations

import warnings

import numpy as np

from embeddb.errors import IndexSpecError
from embeddb.protocols import Progress
from embeddb.quantizers.ivfpq import CODES, IVFPQCodebook, filed, require_distance, split_widths
from embeddb.quantizers.rotation import MAX_ROTATION_DIM, balancing_rotation
from embeddb.quantizers.rows import blocks, checked, unit
from embeddb.quantizers.sizing import MAX_LISTS, MIN_ROWS_PER_LIST
from embeddb.records import Vector

ROWS_PER_LIST = 256
"""More rows do not place a list's centre better; faiss samples as many."""

ROWS_PER_CODEWORD = 128
"""32,768 rows for the codewords, which have a few dimensions each: half as many left 2 % more
squared error, and more of them none less."""

ITERATIONS = 20
"""k-means has settled by then: half as many left 0.4 % more squared error."""

FULL_KMEANS_LIMIT = 2**25
"""Rows times centres: beyond, an exact k-means of 384 dimensions takes minutes, and mini-batches
cost 1 % more squared error."""

_BATCH_ROWS = 4_096


def train(
    vectors: Vector,
    *,
    lists: int,
    subvectors: int,
    distance: str,
    seed: int = 0,
    progress: Progress | None = None,
    rotate: bool = True,
) -> IVFPQCodebook:
    """Return a codebook learned from a sample of the rows to be encoded, shape (n, dim).

    It needs 256 rows, and 39 a list; 256 a list (and 32,768 in all) are as many as it uses. The
    same sample and seed give the same codebook on the same machine.

    Args:
        vectors: the sample; the caller bounds its memory.
        lists: coarse lists, 1 to 32768.
        subvectors: bytes of a code, 1 to dim.
        distance: `cosine`, `l2` or `inner_product`.
        seed: of whatever is drawn at random.
        progress: called with the steps done and their number.
        rotate: whether to balance the sub-vectors by a rotation (up to 4,096 dimensions).

    Raises:
        IndexSpecError: a number out of range, an unsupported distance, or too few rows.
        InvalidVectorError: a number that is not finite, or not the shape (n, dim).
    """
    sample = checked(vectors)
    require_distance(distance)
    widths = split_widths(sample.shape[1], subvectors)
    _require_rows(len(sample), lists)
    random = np.random.default_rng(seed)
    sample = _draw(sample, max(lists * ROWS_PER_LIST, CODES * ROWS_PER_CODEWORD), random)
    steps = _Steps(progress, subvectors + 2)
    if distance == "cosine":
        sample = unit(sample)
    centroids = _centres(sample, lists, seed)
    steps.done()
    sample = _residuals(_draw(sample, CODES * ROWS_PER_CODEWORD, random), centroids, distance)
    rotation = None
    if rotate and sample.shape[1] <= MAX_ROTATION_DIM:
        rotation = balancing_rotation(sample, widths)
        sample = sample @ rotation
    steps.done()
    codewords = np.zeros((subvectors, CODES, max(widths)), np.float32)
    start = 0
    for place, width in enumerate(widths):
        part = np.ascontiguousarray(sample[:, start : start + width])
        codewords[place, :, :width] = _centres(part, CODES, seed + place)
        start += width
        steps.done()
    return IVFPQCodebook(
        distance=distance, centroids=centroids, codewords=codewords, rotation=rotation
    )


class _Steps:
    def __init__(self, progress: Progress | None, total: int) -> None:
        self._progress = progress
        self._total = total
        self._count = 0

    def done(self) -> None:
        self._count += 1
        if self._progress is not None:
            self._progress(self._count, self._total)


def _require_rows(rows: int, lists: int) -> None:
    if not 1 <= lists <= MAX_LISTS:
        raise IndexSpecError(f"lists must be from 1 to {MAX_LISTS}, not {lists}.")
    if rows < CODES:
        raise IndexSpecError(
            f"IVF-PQ needs {CODES} rows or more to learn from, and there are {rows}: "
            "search so few exactly, with index=None."
        )
    needed = lists * MIN_ROWS_PER_LIST if lists > 1 else 1
    if rows < needed:
        raise IndexSpecError(
            f"{lists} lists need {needed} rows or more to learn from, and there are {rows}: "
            f"use {max(rows // MIN_ROWS_PER_LIST, 1)} lists or fewer, or exact search (index=None)."
        )


def _draw(rows: Vector, most: int, random: np.random.Generator) -> Vector:
    if len(rows) <= most:
        return rows
    return np.asarray(rows[np.sort(random.choice(len(rows), most, replace=False))])


def _residuals(rows: Vector, centroids: Vector, distance: str) -> Vector:
    left = np.empty_like(rows)
    for block in blocks(len(rows), max(len(centroids), rows.shape[1])):
        left[block] = rows[block] - centroids[filed(rows[block], centroids, distance)]
    return left


def _centres(rows: Vector, count: int, seed: int) -> Vector:
    """Return `count` centres, shape (count, width), by k-means."""
    from sklearn.cluster import KMeans, MiniBatchKMeans  # type: ignore[import-untyped]
    from sklearn.exceptions import ConvergenceWarning  # type: ignore[import-untyped]
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    # Starting from random rows: k-means++ took three times as long, for 0.1 % less error.
    settings = {"init": "random", "n_init": 1, "max_iter": ITERATIONS, "random_state": seed}
    if len(rows) * count <= FULL_KMEANS_LIMIT:
        kmeans = KMeans(count, **settings)
    else:
        kmeans = MiniBatchKMeans(count, batch_size=_BATCH_ROWS, **settings)
    # Several threads would add up their shares in the order they finish, which float32 shows.
    with threadpool_limits(limits=1), warnings.catch_warnings():
        # Fewer distinct rows than centres: some centres coincide, and no code is wrong for it.
        warnings.simplefilter("ignore", ConvergenceWarning)
        kmeans.fit(rows)
    return np.asarray(kmeans.cluster_centers_, dtype=np.float32)
