"""Every error embeddb raises, in one tree; a class's docstring is its default message.

::

    EmbedDBError
    ├── ConfigurationError              a setting, a URL or an argument is wrong
    │   ├── MissingDependencyError      an optional package is not installed
    │   ├── InvalidNameError            a collection name Postgres or embeddb cannot take
    │   ├── IndexSpecError              an index that contradicts itself or its storage
    │   ├── TransformError              a transform that contradicts itself or cannot be fitted
    │   ├── AttachError                 a table that a collection cannot be attached to
    │   │   ├── TableNotFoundError      there is no such table
    │   │   ├── NotATableError          a view, a foreign table, one partition: no triggers there
    │   │   ├── NoPrimaryKeyError       nothing identifies a row
    │   │   ├── ColumnNotFoundError     the table has no such column
    │   │   ├── ExpressionError         SQL that is not a text or condition of one row
    │   │   └── EmbeddingColumnError    a column whose vectors cannot be taken
    │   │       └── VectorsDisagreeError  its vectors are not the model's of these texts
    │   ├── EmbeddingConflictError      a collection's name is that of another table's, or owner's
    │   ├── FilterError                 an unknown operator or a malformed filter
    │   └── PruneRefusedError           pruning would delete too much, or what may still be there
    ├── DatabaseError                   Postgres answered with an error
    │   ├── DatabaseUnavailableError    no server, or the connection was lost
    │   ├── UnsupportedServerError      Postgres or pgvector is missing or too old
    │   ├── SchemaMissingError          embeddb's schema is not there: migrate
    │   ├── SchemaOutdatedError         the schema is of another version: migrate
    │   ├── QueryTimeoutError           a statement took longer than it may
    │   ├── GenerationChangedError      the collection was converted meanwhile: open it again
    │   ├── SourceChangedError          the table is not what the collection was attached to
    │   ├── SharedKeyError              several rows have one key
    │   ├── PermissionDeniedError       the role may not do this
    │   ├── MigrationError              a migration could not be applied
    │   └── IndexBuildError             an index could not be built; nothing invalid is left
    ├── CollectionNotFoundError
    ├── CollectionExistsError
    ├── DocumentError                   one document is at fault; it is named
    │   ├── InvalidDocumentError        a field is missing or of the wrong type
    │   │   ├── InvalidTextError        text that Postgres cannot store
    │   │   ├── EmptyDocumentError      nothing to encode
    │   │   ├── DocumentTooLargeError   more text than the limit
    │   │   ├── InvalidMetadataError    metadata that is not a JSON object
    │   │   ├── DuplicateIdError        the same id twice in one run
    │   │   └── SourceConflictError     the id of a document that another source brought
    │   ├── InvalidVectorError          NaN, infinite, zero under cosine, out of range
    │   │   └── DimensionMismatchError
    │   ├── ChunkTooLongError           a chunk over the model's limit
    │   ├── DocumentRefusedError        Postgres refuses its row, by a constraint or a trigger
    │   └── WorkerDiedError             workers died each time one was at work on it
    ├── SourceError                     a source as a whole cannot be read
    │   ├── UnreadableDocumentError     one file or record of it cannot be read
    │   └── UnsupportedFormatError      no parser for this kind of file
    ├── ModelError
    │   ├── ModelNotFoundError          no such model on disk, in a package or on the hub
    │   ├── ModelMismatchError          another model than the collection's
    │   ├── ModelUnavailableError       an endpoint that does not answer
    │   ├── EncodingError               the model failed on an input
    │   │   └── UnsupportedMediumError  an input of a medium that the model does not take
    │   ├── SQLEncoderError             no encoder for SQL can be made of the model
    │   └── QueryEncoderError           nothing can encode a text that SQL asked with
    ├── RowsFailedError                 rows that a test waits for cannot be embedded
    ├── NotEmbeddedError                rows that a test waits for are not embedded in time
    └── IngestAbortedError              a strict run stopped at a document it could not take
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Any

from embeddb.redaction import redact


class EmbedDBWarning(UserWarning):
    """Something was done in another way than you asked for."""


class IndexResolvedWarning(EmbedDBWarning):
    """The index is another one than you asked for, because pgvector cannot build that one."""


class IndexBuildWarning(EmbedDBWarning):
    """The index was built, but slowly, or it will find too little."""


class FilterWarning(EmbedDBWarning):
    """The filter asks for what no document has."""


class EmbedDBError(Exception):
    """Something went wrong in embeddb; no message shows a password."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(redact(message or (type(self).__doc__ or "").strip()))


class ConfigurationError(EmbedDBError):
    """A setting or an argument is wrong."""


class MissingDependencyError(ConfigurationError):
    """An optional package is not installed."""


class InvalidNameError(ConfigurationError):
    """The name cannot be used for a collection."""


class IndexSpecError(ConfigurationError):
    """The index contradicts itself, its storage or its distance."""


class TransformError(ConfigurationError):
    """The transform contradicts itself or cannot be fitted."""


class AttachError(ConfigurationError):
    """A collection cannot be attached to the table."""


class TableNotFoundError(AttachError):
    """There is no such table."""


class NotATableError(AttachError):
    """This is not an ordinary table, and triggers cannot follow what is written to it."""


class NoPrimaryKeyError(AttachError):
    """The table has no primary key."""


class ColumnNotFoundError(AttachError):
    """The table has no such column."""


class ExpressionError(AttachError):
    """The SQL is not a text, or not a condition, of one row of the table."""


class EmbeddingConflictError(ConfigurationError):
    """The collection of this name belongs to another table, or to another application."""


class EmbeddingColumnError(AttachError):
    """The vectors of the column cannot be taken."""


class VectorsDisagreeError(EmbeddingColumnError):
    """The vectors of the column are not what the model makes of the texts."""

    median: float | None = None
    """The median cosine between what is stored and what the model makes of the same text."""

    rows: int = 0
    """The number of rows that were compared."""


class FilterError(ConfigurationError):
    """The filter is malformed or uses an unknown operator."""


class PruneRefusedError(ConfigurationError):
    """Nothing was pruned; what the run wrote stays."""

    report: Any = None
    """What the run did: an `IngestReport`."""


class DatabaseError(EmbedDBError):
    """Postgres answered with an error."""


class DatabaseUnavailableError(DatabaseError):
    """The Postgres server cannot be reached."""


class UnsupportedServerError(DatabaseError):
    """The server lacks what embeddb needs: Postgres 14 and pgvector 0.8.4 or newer."""


class SchemaMissingError(DatabaseError):
    """The database has no embeddb schema: run `embeddb migrate`."""


class SchemaOutdatedError(DatabaseError):
    """The embeddb schema is of another version: run `embeddb migrate`."""


class GenerationChangedError(DatabaseError):
    """The collection was converted meanwhile: open it again."""


class QueryTimeoutError(DatabaseError):
    """The statement took longer than it may."""


class SharedKeyError(DatabaseError):
    """Several rows have one key, so that nobody can tell which chunks are whose."""


class SourceChangedError(DatabaseError):
    """The table is not what the collection was attached to: attach again."""


class PermissionDeniedError(DatabaseError):
    """The database role may not do this."""


class MigrationError(DatabaseError):
    """A migration could not be applied."""


class IndexBuildError(DatabaseError):
    """The index could not be built."""


class CollectionNotFoundError(EmbedDBError):
    """There is no such collection."""


class CollectionExistsError(EmbedDBError):
    """The collection exists already."""


class DocumentError(EmbedDBError):
    """A document cannot be taken."""


class InvalidDocumentError(DocumentError):
    """A field of the document is missing or of the wrong type."""


class InvalidTextError(InvalidDocumentError):
    """The text holds characters that Postgres cannot store."""


class EmptyDocumentError(InvalidDocumentError):
    """The document has no text to encode and no embedding."""


class DocumentTooLargeError(InvalidDocumentError):
    """The document has more text than the limit."""


class InvalidMetadataError(InvalidDocumentError):
    """The metadata is not a JSON object."""


class DuplicateIdError(InvalidDocumentError):
    """The id occurs twice in one run."""


class SourceConflictError(InvalidDocumentError):
    """Another source brought a document of this id."""


class DocumentRefusedError(DocumentError):
    """Postgres refuses to store the document."""


class InvalidVectorError(DocumentError):
    """The vector cannot be stored or searched."""


class DimensionMismatchError(InvalidVectorError):
    """The vector has another dimension than the collection."""


class ChunkTooLongError(DocumentError):
    """A chunk is longer than the model can read."""


class WorkerDiedError(DocumentError):
    """The worker died each time it worked on this row alone."""


class SourceError(EmbedDBError):
    """The source cannot be read."""


class UnreadableDocumentError(SourceError):
    """A document of the source cannot be read."""


class UnsupportedFormatError(SourceError):
    """There is no parser for this kind of file."""


class ModelError(EmbedDBError):
    """The embedding model cannot be used."""


class ModelNotFoundError(ModelError):
    """There is no such model on disk, in an installed package or on the hub."""


class ModelMismatchError(ModelError):
    """The model is not the one that the collection was made with."""


class ModelUnavailableError(ModelError):
    """The embedding endpoint does not answer."""


class EncodingError(ModelError):
    """The model failed on an input."""


class UnsupportedMediumError(EncodingError):
    """The model does not take inputs of this medium."""


class SQLEncoderError(ModelError):
    """No SQL encoder can be made of the model."""


class QueryEncoderError(ModelError):
    """No worker is running, and no SQL encoder is in the database, to encode a text in SQL."""


class RowsFailedError(EmbedDBError):
    """Rows could not be embedded."""

    failed: Any = ()
    """The rows that were given up: a list of `FailedJob`."""


class NotEmbeddedError(EmbedDBError, TimeoutError):
    """Rows are not embedded yet."""


class IngestAbortedError(EmbedDBError):
    """A strict run stopped at a document that it could not take."""


LIKENESS = 0.65
"""How like a known name another must be to be taken for it, as `difflib` measures it."""


def did_you_mean(given: object, known: Iterable[str]) -> str:
    """Return ` Did you mean 'x'?` with the names nearest to a mistyped one; empty: none is near."""
    by_case = {name.casefold(): name for name in known}
    word = str(given).casefold()
    near = difflib.get_close_matches(word, by_case, n=3, cutoff=LIKENESS)
    if not near and len(word) > 2:
        near = [name for name in by_case if word in name][:3]
    return f" Did you mean {' or '.join(repr(by_case[name]) for name in near)}?" if near else ""
