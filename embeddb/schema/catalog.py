"""What the catalog knows of a collection, as frozen records."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from embeddb.records import ModelInfo
from embeddb.schema.attached import SourceTable
from embeddb.schema.distances import Distance
from embeddb.schema.indexes import IndexSpec
from embeddb.schema.layouts import Layout
from embeddb.schema.names import Tables
from embeddb.schema.storage import Storage


@dataclass(frozen=True, kw_only=True, slots=True)
class TransformInfo:
    """A fitted transform as the catalog knows it, without its matrices.

    Attributes:
        words: what it was made of, e.g. ("normalize", "pca:128").
        dim: dimensions of the vectors that come out.
        fingerprint: a digest of everything that moves a vector.
        leading: whether the first dimensions say most, as principal components do.
        unit: whether the vectors that come out have length 1.
        isometric: whether it only turns vectors, so that lengths and distances stay.
    """

    id: int
    words: tuple[str, ...]
    dim: int
    fingerprint: str
    leading: bool
    unit: bool
    isometric: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class PendingForm:
    """A form that vectors are to be stored in once there are enough of them to learn it from."""

    storage: Storage
    transform: tuple[str, ...]
    index: IndexSpec | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Generation:
    """What one model, chunker, transform and storage make of the documents.

    Attributes:
        dim: dimensions of the model's vectors, and of queries.
        model: None where the vectors are the caller's own.
        normalize: whether vectors are scaled to length 1 before anything else is done to them.
        chunker: the chunker's spec as JSON.
        index: the index that it is to have; None for exact search.
        transform: applied to documents and queries alike before they are stored or compared.
        wanted: the form that the collection is converted to once there are enough documents to
            learn its transform from; None: it has its form.
        layout: how the chunks lie, by a field of the metadata; None: in one table.
    """

    number: int
    dim: int
    distance: Distance
    storage: Storage
    model: ModelInfo | None
    normalize: bool
    chunker: dict[str, Any]
    index: IndexSpec | None
    state: str
    transform: TransformInfo | None = None
    wanted: PendingForm | None = None
    layout: Layout | None = None

    @property
    def stored_dim(self) -> int:
        """Dimensions of what is stored."""
        return self.dim if self.transform is None else self.transform.dim

    @property
    def unit_length(self) -> bool:
        """Whether everything stored has length 1."""
        given = self.normalize or bool(self.model and self.model.normalized)
        if self.transform is None:
            return given
        return self.transform.unit or (given and self.transform.isometric)


@dataclass(frozen=True, kw_only=True, slots=True)
class CollectionRecord:
    """A collection with its active generation.

    Attributes:
        tables: the tables of that generation.
        source: the application's table that it is attached to; None: its documents are its own.
    """

    name: str
    tables: Tables
    generation: Generation
    source: SourceTable | None = None
