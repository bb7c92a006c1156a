"""The model that a collection is bound to, by its fingerprint rather than by its name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any, TypeAlias

from numpy.typing import ArrayLike
from tokenizers import Tokenizer

from embeddb.encoders import Isolated
from embeddb.errors import (
    ConfigurationError,
    EncodingError,
    InvalidVectorError,
    ModelMismatchError,
)
from embeddb.pipeline.generation.form import StoredForm
from embeddb.pipeline.generation.queries import encode_queries
from embeddb.protocols import Encoder, Tokenized
from embeddb.records import Input, Media, Vector
from embeddb.schema.catalog import CollectionRecord, Generation

_SHOWN_CHARACTERS = 60

Query: TypeAlias = Input | ArrayLike
"""An input, encoded with the collection's model, or a vector of shape (dim,)."""


class BoundModel:
    """Turns queries into vectors that can be compared with what a collection stores.

    Args:
        record: the collection.
        form: what the collection makes of a vector.
        load: returns the encoder of a name; it is called for the first input, not before.
        encoder: used instead, where no name can load it.

    Raises:
        ConfigurationError: the collection has no model, and takes no `encoder`.
        ModelMismatchError: `encoder` is another model than the collection's.
    """

    def __init__(
        self,
        record: CollectionRecord,
        form: StoredForm,
        load: Callable[[str], Encoder],
        encoder: Encoder | None = None,
    ) -> None:
        self._name = record.name
        self._generation = record.generation
        self._form = form
        self._load = load
        if encoder is not None:
            self.encoder = self._checked(encoder)

    @cached_property
    def encoder(self) -> Encoder:
        """The encoder, loaded for the first input.

        Raises:
            ConfigurationError: the collection has no model.
            ModelMismatchError: the model of this name on this machine is another one.
        """
        model = self._generation.model
        if model is None:
            raise ConfigurationError(
                f"Collection {self._name!r} has no model: pass a vector of "
                f"{self._generation.dim} numbers instead of a text."
            )
        return self._checked(self._load(model.name))

    @property
    def generation(self) -> Generation:
        """The generation that the model belongs to."""
        return self._generation

    @property
    def loaded(self) -> Encoder | None:
        """The encoder, if it was given or has been loaded."""
        return self.__dict__.get("encoder")

    def query(self, query: Query) -> Vector:
        """Return the vector of one query, shape (dim,).

        Raises:
            InvalidVectorError: the query has no words, or cannot be compared.
            UnsupportedMediumError: the model does not take its medium.
        """
        if isinstance(query, str | Media):
            return self.queries([query])[0]
        return self._form.query(query)

    def queries(self, queries: Sequence[Input] | ArrayLike) -> list[Vector]:
        """Return the vectors of queries: inputs are encoded together, arrays have shape (n, dim).

        Raises:
            InvalidVectorError: a query has no words, or cannot be compared.
            EncodingError: the model failed on a query; the message says on which of several.
            UnsupportedMediumError: the model does not take the medium of one.
        """
        rows: Any = queries
        if len(rows) and isinstance(rows[0], str | Media):
            blank = next((row for row in rows if isinstance(row, str) and not row.strip()), None)
            if blank is not None:
                raise InvalidVectorError(f"The query {blank!r} has no words to encode.")
            found = self.encode(rows)
            if found.errors:
                raise _query_error(found.errors, rows)
            rows = found.vectors
        return [self._form.query(row, f"Query vector {number}") for number, row in enumerate(rows)]

    def encode(self, queries: Sequence[Input]) -> Isolated:
        """Return the model's own vectors of queries, and the errors of those that have none.

        Raises:
            ModelError: the model cannot be used, so that no query is at fault.
        """
        return encode_queries(self.encoder, queries)

    def tokenizer(self) -> Tokenizer | None:
        """Return the model's tokenizer, or None where the encoder has none."""
        return self.encoder.tokenizer() if isinstance(self.encoder, Tokenized) else None

    def capacity(self) -> int | None:
        """Return the tokens that the model reads of a chunk, without special tokens and prompt."""
        info = self.encoder.info
        if info.max_tokens is None:
            return None
        tokenizer = self.tokenizer()
        if tokenizer is None:
            return info.max_tokens - len(info.document_prompt.encode())
        return info.max_tokens - len(
            tokenizer.encode(info.document_prompt, add_special_tokens=True)
        )

    def _checked(self, encoder: Encoder) -> Encoder:
        model = self._generation.model
        if model is None:
            raise ConfigurationError(
                f"Collection {self._name!r} stores vectors of your own; it takes no encoder."
            )
        if encoder.info.fingerprint != model.fingerprint:
            raise ModelMismatchError(
                f"Collection {self._name!r} was made with {model.name} "
                f"({model.fingerprint[:20]}…), but {encoder.info.name} here is another model "
                f"({encoder.info.fingerprint[:20]}…): their vectors cannot be compared. Use the "
                "collection's own model, or make a new collection."
            )
        return encoder


def _query_error(errors: dict[int, EncodingError], queries: Sequence[Input]) -> EncodingError:
    """Return the first error of queries; of several it names the query."""
    number = min(errors)
    if len(queries) == 1:
        return errors[number]
    query = queries[number]
    shown = f" ({query[:_SHOWN_CHARACTERS]!r})" if isinstance(query, str) else ""
    error = type(errors[number])(f"Query {number}{shown}: {errors[number]}")
    error.__cause__ = errors[number]
    return error
