"""Encode with any function of the user's."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any

import numpy as np
from tokenizers import Tokenizer

from embeddb.encoders.checks import check_vectors
from embeddb.encoders.fingerprint import digest
from embeddb.errors import (
    ConfigurationError,
    EmbedDBError,
    EncodingError,
    ModelNotFoundError,
    ModelUnavailableError,
)
from embeddb.records import ModelInfo, Role, Vector

_PROBE = "embeddb"
"""The text that is encoded once to learn a function's dimension."""


class FunctionEncoder:
    """A function `list[str] -> array (n, dim)`, optionally with a `role` keyword."""

    def __init__(
        self,
        function: Callable[..., Any],
        dim: int | None = None,
        name: str | None = None,
        max_tokens: int | None = None,
        normalized: bool = False,
        tokenizer: Tokenizer | None = None,
        fingerprint: str | None = None,
    ) -> None:
        """Wrap a function; it is not called yet.

        Args:
            function: called with a list of texts, and `role=` if it has such a parameter.
            dim: None calls the function once, for one word, to learn it.
            name: the model's; by default the function's own, with its module.
            max_tokens: the most tokens it reads of one text; None if that does not matter.
            normalized: True scales its vectors to length 1.
            tokenizer: lets chunkers measure texts in tokens.
            fingerprint: change it when the function's vectors change; by default it is made
                of the name and the dimension, since code cannot be hashed reliably.
        """
        self._function = function
        self._dim = dim
        self._name = name or _name_of(function)
        self._max_tokens = max_tokens
        self._normalized = normalized
        self._own_tokenizer = tokenizer
        self._own_fingerprint = fingerprint

    def __repr__(self) -> str:
        return f"FunctionEncoder({self._name!r})"

    @cached_property
    def info(self) -> ModelInfo:
        """The function's record.

        Raises:
            EncodingError: the dimension had to be learned and the function failed.
        """
        dim = self._dim or int(self._call([_PROBE], "document", None).shape[1])
        facts = {
            "kind": "function",
            "name": self._name,
            "dim": dim,
            "normalized": self._normalized,
        }
        return ModelInfo(
            name=self._name,
            fingerprint=self._own_fingerprint or digest(facts),
            dim=dim,
            max_tokens=self._max_tokens,
            normalized=self._normalized,
        )

    def encode(self, texts: Sequence[str], role: Role = "document") -> Vector:
        """Encode texts: float32, shape (len(texts), dim).

        Raises:
            EncodingError: the function failed or returned something else.
            ModelUnavailableError: it could not reach what it calls.
        """
        dim = self.info.dim
        if not texts:
            return np.zeros((0, dim), dtype=np.float32)
        return self._call(list(texts), role, dim)

    def tokenizer(self) -> Tokenizer | None:
        """Return the tokenizer that came with the function, or None."""
        return self._own_tokenizer

    def _call(self, texts: list[str], role: Role, dim: int | None) -> Vector:
        try:
            options = {"role": role} if self._takes_role else {}
            values = self._function(texts, **options)
        except EmbedDBError:
            raise
        except (ConnectionError, TimeoutError) as error:
            raise ModelUnavailableError(f"{self._name} is not reachable: {error}") from error
        except Exception as error:
            raise EncodingError(f"{self._name} failed: {type(error).__name__}: {error}") from error
        return check_vectors(values, len(texts), dim, self._name, unit=self._normalized)

    @cached_property
    def _takes_role(self) -> bool:
        try:
            parameters = inspect.signature(self._function).parameters.values()
        except (TypeError, ValueError):  # some builtins have no signature
            return False
        return any(p.name == "role" or p.kind is p.VAR_KEYWORD for p in parameters)


def import_function(reference: str, *, allowed: Sequence[str]) -> Callable[..., Any]:
    """Import `package.module:attribute`, if the module is allowed, and return it.

    The reference may come from a database catalog, and importing runs code: so only modules
    that this machine's owner listed are imported.

    Raises:
        ConfigurationError: the reference has another form.
        ModelNotFoundError: the module is not allowed, or there is nothing callable in it.
    """
    module_name, _, attribute = reference.partition(":")
    if not module_name or not attribute:
        raise ConfigurationError(
            f"The function {reference!r} is not of the form package.module:attribute."
        )
    if not any(module_name == a or module_name.startswith(f"{a}.") for a in allowed if a):
        raise ModelNotFoundError(
            f"Module {module_name!r} may not be imported: add it to EMBEDDB_PYTHON_MODELS "
            "(comma-separated) if you trust its code."
        )
    try:
        function: Any = importlib.import_module(module_name)
        for part in attribute.split("."):
            function = getattr(function, part)
    except (ImportError, AttributeError) as error:
        raise ModelNotFoundError(f"{reference!r} cannot be imported: {error}.") from error
    if not callable(function):
        raise ModelNotFoundError(f"{reference!r} is not a function: name one that takes texts.")
    return function  # type: ignore[no-any-return]


def _name_of(function: Callable[..., Any]) -> str:
    named = function if hasattr(function, "__qualname__") else type(function)
    return f"{named.__module__}:{named.__qualname__}"
