"""IVF-PQ: a vector as the number of a coarse list and one byte a sub-vector.

Jégou, Douze, Schmid, "Product Quantization for Nearest Neighbor Search", TPAMI 2011
(doi:10.1109/TPAMI.2010.57). The codes quantize what is left of a vector beside its list's centre,
and are compared with a query by their inner product, which needs no index structure: ::

    query . row  ~  query . centre[list] + sum over j of table[j * 256 + code[j]]

The table is the query's, whatever the list, so that Postgres can add it up from one parameter.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from embeddb.errors import IndexSpecError
from embeddb.quantizers.rows import blocks, checked, require_shape, unit
from embeddb.records import Vector

CODES = 256
"""The number of values of one byte."""

DISTANCES = ("cosine", "l2", "inner_product")

_REASONS = {
    "l1": "an l1 distance is no sum of inner products",
    "hamming": "hamming compares bits, which have no sub-vectors to learn",
    "jaccard": "jaccard compares bits, which have no sub-vectors to learn",
}


def require_distance(distance: str) -> None:
    """Check that a distance can be computed from inner products.

    Raises:
        IndexSpecError: with the reason.
    """
    if distance not in DISTANCES:
        reason = _REASONS.get(distance, f"choose one of {', '.join(DISTANCES)}")
        raise IndexSpecError(f"IVF-PQ cannot index the distance {distance!r}: {reason}.")


def split_widths(dim: int, subvectors: int) -> list[int]:
    """Return the widths of sub-vectors of `dim` dimensions: they differ by one, wide ones first.

    Raises:
        IndexSpecError: there is no sub-vector, or there are more of them than dimensions.
    """
    if not 1 <= subvectors <= dim:
        raise IndexSpecError(f"subvectors must be from 1 to {dim}, not {subvectors}.")
    width, wider = divmod(dim, subvectors)
    return [width + (place < wider) for place in range(subvectors)]


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class IVFPQCodebook:
    """What `train` learned: enough to encode rows and to compare queries with them.

    Attributes:
        distance: `cosine` (rows and queries are scaled to length 1), `l2` or `inner_product`.
        centroids: centres of the coarse lists, shape (lists, dim).
        codewords: shape (subvectors, 256, widest sub-vector); where `dim` is no multiple of
            `subvectors`, the last ones are narrower by one and end with a zero.
        rotation: orthogonal, shape (dim, dim), applied to what is left of a row beside its
            centre, and to the query, before they are cut into sub-vectors; None: none.

    Raises:
        IndexSpecError: an unsupported distance, or arrays that do not belong together.
    """

    distance: str
    centroids: Vector
    codewords: Vector
    rotation: Vector | None = None

    def __post_init__(self) -> None:
        require_distance(self.distance)
        arrays = [self.centroids, self.codewords]
        arrays += [] if self.rotation is None else [self.rotation]
        if any(array.dtype != np.float32 for array in arrays):
            raise IndexSpecError("The arrays of an IVF-PQ codebook must be float32.")
        if self.centroids.ndim != 2 or self.codewords.ndim != 3 or 0 in self.centroids.shape:
            raise IndexSpecError("An IVF-PQ codebook needs (lists, dim) and (subvectors, 256, w).")
        wanted = (self.subvectors, CODES, max(self.widths))
        if self.codewords.shape != wanted:
            raise IndexSpecError(f"codewords must be {wanted}, not {self.codewords.shape}.")
        if self.rotation is not None and self.rotation.shape != (self.dim, self.dim):
            raise IndexSpecError(f"rotation must be {(self.dim,) * 2}, not {self.rotation.shape}.")

    @property
    def lists(self) -> int:
        """The number of coarse lists."""
        return len(self.centroids)

    @property
    def dim(self) -> int:
        """The dimensions of a vector."""
        return int(self.centroids.shape[1])

    @property
    def subvectors(self) -> int:
        """The bytes of a code, one for each sub-vector."""
        return len(self.codewords)

    @property
    def widths(self) -> list[int]:
        """The dimensions of each sub-vector."""
        return split_widths(self.dim, self.subvectors)

    def assign(
        self, vectors: Vector
    ) -> tuple[NDArray[np.int32], NDArray[np.uint8], NDArray[np.float32]]:
        """Return the lists (n,), codes (n, subvectors) and corrections (n,) of rows (n, dim).

        A correction is a number that undoes much of what the code loses. With `similarity` for
        the sum in this module's first lines, a distance is: ::

            l2              |query|² - 2 * similarity + correction    (the squared distance)
            cosine          1 - similarity * correction
            inner_product   -similarity * correction

        For l2 it is the squared length of the *decoded* row: with the row's own, the code's error
        is in one term only, and where vectors lie far from zero it hides the neighbours (all
        dimensions moved by one: 0.31 of the true ten among 50 candidates, against 0.99). For the
        others it is the row's length, 1 under cosine, over the decoded row's: decoded rows are
        too short by as much as the code lost (0.956 of the true ten among 20 candidates without
        it, 0.976 with it).

        Memory beside the answer does not grow with n.

        Raises:
            DimensionMismatchError: the rows have another dimension.
            InvalidVectorError: a number that is not finite.
        """
        require_shape(np.shape(vectors), self.dim)
        rows = len(vectors)
        lists = np.empty(rows, np.int32)
        codes = np.empty((rows, self.subvectors), np.uint8)
        corrections = np.empty(rows, np.float32)
        for block in blocks(rows, max(self.lists, self.dim, CODES)):
            taken = self._scaled(checked(vectors[block], self.dim))
            lists[block] = filed(taken, self.centroids, self.distance)
            codes[block] = encode(
                self._rotated(taken - self.centroids[lists[block]]), self.codewords, self.widths
            )
            corrections[block] = self._correction(taken, self.decode(lists[block], codes[block]))
        return lists, codes, corrections

    def decode(self, lists: NDArray[np.int32], codes: NDArray[np.uint8]) -> Vector:
        """Return the rows that codes stand for, shape (n, dim); under cosine about of length 1."""
        rotated = np.empty((len(codes), self.dim), np.float32)
        start = 0
        for place, width in enumerate(self.widths):
            words = self.codewords[place, codes[:, place], :width]
            rotated[:, start : start + width] = words
            start += width
        residuals = rotated if self.rotation is None else rotated @ self.rotation.T
        return np.asarray(residuals + self.centroids[lists], dtype=np.float32)

    def table(self, query: Vector) -> Vector:
        """Return a query's inner products with every codeword, shape (subvectors * 256,).

        Raises:
            DimensionMismatchError: the query has another dimension.
            InvalidVectorError: a number that is not finite.
        """
        rotated = self._rotated(self._query(query))[0]
        table = np.empty((self.subvectors, CODES), np.float32)
        start = 0
        for place, width in enumerate(self.widths):
            table[place] = self.codewords[place, :, :width] @ rotated[start : start + width]
            start += width
        return table.reshape(-1)

    def nearest_lists(self, query: Vector, probes: int) -> tuple[NDArray[np.int32], Vector]:
        """Return the lists to read, nearest first, and the query's inner product with each centre.

        Both have the shape (probes,), or (lists,) where that is less.

        Raises:
            IndexSpecError: fewer than one probe.
            DimensionMismatchError: the query has another dimension.
            InvalidVectorError: a number that is not finite.
        """
        if probes < 1:
            raise IndexSpecError(f"probes must be at least 1, not {probes}.")
        products = self.centroids @ self._query(query)[0]
        order = np.argsort(-nearness(products, self.centroids, self.distance), kind="stable")[
            :probes
        ]
        return order.astype(np.int32), np.asarray(products[order], dtype=np.float32)

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """Return the codebook as arrays to store; `from_arrays` makes the same one of them."""
        arrays: dict[str, NDArray[Any]] = {
            "distance": np.array(self.distance),
            "centroids": self.centroids,
            "codewords": self.codewords,
        }
        return arrays if self.rotation is None else {**arrays, "rotation": self.rotation}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> IVFPQCodebook:
        """Return the codebook of the arrays that `to_arrays` made.

        Raises:
            IndexSpecError: an array is missing, or they do not belong together.
        """
        missing = {"distance", "centroids", "codewords"} - set(arrays)
        if missing:
            raise IndexSpecError(f"The IVF-PQ codebook lacks {', '.join(sorted(missing))}.")
        return cls(
            distance=str(arrays["distance"]),
            centroids=arrays["centroids"],
            codewords=arrays["codewords"],
            rotation=arrays.get("rotation"),
        )

    def _query(self, query: Vector) -> Vector:
        return self._scaled(checked(np.asarray(query, np.float32).reshape(1, -1), self.dim))

    def _scaled(self, rows: Vector) -> Vector:
        return unit(rows) if self.distance == "cosine" else rows

    def _rotated(self, rows: Vector) -> Vector:
        return rows if self.rotation is None else np.asarray(rows @ self.rotation, np.float32)

    def _correction(self, rows: Vector, decoded: Vector) -> Vector:
        squares = _squared_lengths(decoded)
        if self.distance == "l2":
            return squares
        # A decoded row of length 0 has no similarity to anything that a factor could mend.
        ratios = _squared_lengths(rows) / np.where(squares > 0, squares, np.float32(np.inf))
        return np.asarray(np.sqrt(ratios), np.float32)


def filed(rows: Vector, centroids: Vector, distance: str) -> NDArray[np.intp]:
    """Return the list that each row belongs in, shape (n,); under cosine rows have length 1.

    A search reads the lists whose centres are nearest by the index's own distance, so a row has
    to be where a search for the row itself looks first. Under cosine that is the nearest centre
    by cosine: by l2 the lengths of the centres would count. By inner product the nearest by l2
    serves best wherever a centre describes the row. A row that is further from every centre than
    from zero, as of a direction that came after the training, is filed by inner product.
    """
    products = rows @ centroids.T
    if distance != "inner_product":
        return np.asarray(np.argmax(nearness(products, centroids, distance), axis=1))
    near = nearness(products, centroids, "l2")
    undescribed = near.max(axis=1) < 0
    near[undescribed] = products[undescribed]
    return np.asarray(np.argmax(near, axis=1))


def nearness(products: Vector, centroids: Vector, distance: str) -> Vector:
    """Return how near centres are, larger is nearer, from inner products of shape (…, lists)."""
    squares = _squared_lengths(centroids)
    match distance:
        case "cosine":  # the length of a centre must not count
            lengths = np.sqrt(np.maximum(squares, np.finfo(np.float32).tiny))
            return np.asarray(products / lengths, np.float32)
        case "l2":
            return np.asarray(products - squares / 2, np.float32)
        case _:
            return products


def nearest(rows: Vector, centres: Vector) -> NDArray[np.intp]:
    """Return the nearest centre of each row by l2, the first of several: shape (n,)."""
    halves = _squared_lengths(centres) / 2
    return np.asarray(np.argmax(rows @ centres.T - halves, axis=1))


def _squared_lengths(rows: Vector) -> Vector:
    return np.asarray(np.einsum("nd,nd->n", rows, rows), np.float32)


def encode(residuals: Vector, codewords: Vector, widths: list[int]) -> NDArray[np.uint8]:
    """Return the nearest codeword of each sub-vector, shape (n, subvectors)."""
    codes = np.empty((len(residuals), len(widths)), np.uint8)
    start = 0
    for place, width in enumerate(widths):
        part = residuals[:, start : start + width]
        codes[:, place] = nearest(part, codewords[place, :, :width])
        start += width
    return codes
