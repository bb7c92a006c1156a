"""The models of a worker's collections."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from embeddb.db.database import Database
from embeddb.pipeline.generation.form import StoredForm
from embeddb.pipeline.generation.model import BoundModel
from embeddb.protocols import Encoder
from embeddb.repository.catalog.reader import CatalogReader
from embeddb.schema.catalog import CollectionRecord


class Models:
    """Binds collections to their models.

    Args:
        database: where the collections are.
        load: returns the encoder of a model's name, the same one each time.
        own: encoders that no name can load, such as objects of the caller's, by collection.
    """

    def __init__(
        self, database: Database, load: Callable[[str], Encoder], own: Mapping[str, Encoder]
    ) -> None:
        self._database = database
        self._load = load
        self._own = own
        self._kept: dict[str, BoundModel] = {}

    def bound(self, record: CollectionRecord) -> BoundModel:
        """Return the model of a collection's generation; it is loaded at the first text.

        Raises:
            ModelMismatchError: the encoder given for the collection is another model.
        """
        form = StoredForm(self._database, record.generation)
        return BoundModel(record, form, self._load, self._own.get(record.name))

    def named(self, name: str) -> BoundModel:
        """Return the model of a collection as it is now, the same one until that changes.

        Raises:
            CollectionNotFoundError: there is none of that name.
            ModelMismatchError: the encoder given for the collection is another model.
        """
        record = CatalogReader(self._database).get(name)
        kept = self._kept.get(name)
        if kept is None or kept.generation != record.generation:
            kept = self._kept[name] = self.bound(record)
        return kept
