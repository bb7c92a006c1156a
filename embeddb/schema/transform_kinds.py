"""The kinds of transform: one member holds every fact about its kind."""

from __future__ import annotations

from enum import Enum

# A second-moment matrix of n rows knows at most n directions, and the last of them badly; learned
# signs and networks fit themselves to chance where the rows are few.
_ROWS_PER_DIM = 2
_NETWORK_ROWS_PER_DIM = 4
_NETWORK_ROWS = 1_000


class StepKind(Enum):
    """A kind: its label, and whether it takes the number of dimensions to keep.

    Attributes:
        rows_per_dim: rows that a fit needs for every output dimension; 0 where nothing is fitted.
        least_rows: rows that a fit needs at least.
        mixes: whether it makes new dimensions out of all the old ones.
        refused: the distances that it does not keep.
    """

    NORMALIZE = ("normalize", False, 0, 0, False, ())
    ROTATION = ("rotation:random", False, 0, 0, True, ("l1", "jaccard"))
    ROTATION_PCA = ("rotation:pca", False, _ROWS_PER_DIM, 0, True, ("l1", "jaccard"))
    ROTATION_ITQ = ("rotation:itq", False, _ROWS_PER_DIM, 0, True, ("l1", "jaccard"))
    PCA = ("pca", True, _ROWS_PER_DIM, 0, True, ("l1", "jaccard"))
    MATRYOSHKA = ("matryoshka", True, 0, 0, False, ())
    AUTOENCODER = (
        "autoencoder",
        True,
        _NETWORK_ROWS_PER_DIM,
        _NETWORK_ROWS,
        True,
        ("l1", "jaccard", "hamming"),
    )

    def __init__(
        self,
        label: str,
        sized: bool,
        rows_per_dim: int,
        least_rows: int,
        mixes: bool,
        refused: tuple[str, ...],
    ) -> None:
        self.label = label
        self.sized = sized
        self.rows_per_dim = rows_per_dim
        self.least_rows = least_rows
        self.mixes = mixes
        self.refused = refused

    @property
    def fitted(self) -> bool:
        """Whether it learns from vectors."""
        return self.rows_per_dim > 0

    @property
    def spelling(self) -> str:
        """The kind as a spec spells it; `N` stands for the dimensions to keep."""
        return f"{self.label}:N" if self.sized else self.label

    def min_rows(self, dim: int) -> int:
        """Return the fewest rows to fit with where `dim` dimensions come out."""
        return max(self.rows_per_dim * dim, self.least_rows)
