"""The sources of a collection's own documents, as the catalog knows them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from hashlib import blake2b

from psycopg import sql
from psycopg.types.json import Jsonb

from embeddb.db.database import Database
from embeddb.db.queries import Name, query
from embeddb.schema.catalog import CollectionRecord

MAX_NAME_CHARACTERS = 400
"""Names are in a B-tree, which takes 2,704 bytes. A query may be longer."""


@dataclass(frozen=True, kw_only=True, slots=True)
class DocumentSource:
    """Where documents of a collection come from.

    Attributes:
        name: unique in the collection: the user's own, else what `uri` says.
        uri: the folder, file, table or query; None where it has a name alone.
        types: what the columns of a text file were read as.
    """

    id: int
    name: str
    uri: str | None
    types: Mapping[str, str] = field(default_factory=dict)


class DocumentSources:
    """Reads and writes the sources of one collection."""

    def __init__(self, database: Database, record: CollectionRecord) -> None:
        self._database = database
        self._name = record.name
        self._tables: dict[str, sql.Composable] = {
            table: Name(database.schema, table) for table in ("sources", "collections")
        }

    def all(self) -> list[DocumentSource]:
        """Return every source that has brought documents."""
        with self._database.connection() as connection:
            found = connection.execute(query("sources.list", **self._tables), {"name": self._name})
            return [_source(*row) for row in found]

    def enter(self, uri: str | None, name: str | None) -> DocumentSource:
        """Return a source by its name, or else by its URI; a new one is entered.

        A name that is given for the first time to what was known by its URI becomes its name, and
        a source of a known name that has moved has another URI from now on.
        """
        known = self.all()
        label = name or default_name(uri or "")
        found = next((one for one in known if one.name == label), None)
        if found is None and uri is not None:
            same = (one for one in known if one.uri == uri and _fits(one, name))
            found = next(same, None)
        if found is None:
            return self._add(label, uri)
        renamed = replace(found, name=name or found.name, uri=uri or found.uri)
        if renamed != found:
            values = {"id": found.id, "source": renamed.name, "uri": renamed.uri}
            with self._database.connection() as connection:
                connection.execute(query("sources.change", **self._tables), values)
        return renamed

    def finish(self, source: DocumentSource | None, types: Mapping[str, str]) -> None:
        """Store that a source was read to its end, and what its columns were read as.

        Documents that come from no source leave nothing to store.
        """
        if source is None:
            return
        values = {"id": source.id, "types": Jsonb({**source.types, **types})}
        with self._database.connection() as connection:
            connection.execute(query("sources.finish", **self._tables), values)

    def _add(self, name: str, uri: str | None) -> DocumentSource:
        values = {"name": self._name, "source": name, "uri": uri}
        with self._database.connection() as connection:
            row = connection.execute(query("sources.add", **self._tables), values).fetchone()
        assert row is not None  # the collection is there
        return _source(*row)


def default_name(uri: str) -> str:
    """Return the name of a source that nobody named: its path or URI, cut where it is long."""
    name = uri.removeprefix("file://")
    if len(name) <= MAX_NAME_CHARACTERS:
        return name
    return name[:MAX_NAME_CHARACTERS] + "… " + blake2b(name.encode(), digest_size=8).hexdigest()


def _fits(source: DocumentSource, name: str | None) -> bool:
    """Return whether a source of the same URI may be meant by a name that is not its own."""
    return name is None or source.name == default_name(source.uri or "")


def _source(id: int, name: str, uri: str | None, types: Mapping[str, str]) -> DocumentSource:
    return DocumentSource(id=id, name=name, uri=uri, types=types)
