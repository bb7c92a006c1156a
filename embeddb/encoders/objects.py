"""From an object that the user holds to an encoder."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from inspect import getattr_static, signature
from typing import Any, TypeGuard

from embeddb.encoders.function import FunctionEncoder
from embeddb.encoders.loaded_model import LoadedModelEncoder, is_sentence_transformer
from embeddb.errors import ConfigurationError
from embeddb.protocols import Encoder
from embeddb.records import Role, as_array

TAKEN = (
    "a name, a folder, a SentenceTransformer, a function list[str] -> array (n, dim), an object "
    "with embed_documents and embed_query, with encode(list[str]), or with info and encode"
)


def encoder_of(model: object) -> Encoder:
    """Return the encoder of an object.

    Raises:
        ConfigurationError: the object is none of those that can be used; the message lists them.
    """
    if isinstance(model, type):
        raise ConfigurationError(f"{model.__name__} is a class, not a model: make an object of it.")
    if _is_encoder(model):
        return model
    if is_sentence_transformer(model):
        return LoadedModelEncoder(model)
    name = f"{type(model).__module__}:{type(model).__qualname__}"
    if _has(model, "embed_documents", "embed_query"):
        return FunctionEncoder(_embeddings(model), name=name)
    if _has(model, "encode"):
        return FunctionEncoder(_encode(model), name=name)
    if callable(model) and not _returns_tokens(model):
        return FunctionEncoder(model)
    hint = ""
    if _returns_tokens(model):
        hint = (
            " It returns vectors of tokens, not of texts: load the model as a "
            "SentenceTransformer, which pools them."
        )
    raise ConfigurationError(
        f"An object of type {type(model).__name__} is not a model: give {TAKEN}.{hint}"
    )


def _is_encoder(model: object) -> TypeGuard[Encoder]:
    # Looked up statically: reading `info` may hash weights or ask an endpoint.
    return all(getattr_static(model, name, None) is not None for name in ("info", "encode"))


def _has(model: object, *names: str) -> bool:
    return all(callable(getattr(model, name, None)) for name in names)


def _returns_tokens(model: object) -> bool:
    """Return whether an object is a pipeline or a bare network of transformers or PyTorch."""
    return any(
        (kind.__module__.partition(".")[0], kind.__name__)
        in {("transformers", "Pipeline"), ("torch", "Module")}
        for kind in type(model).__mro__
    )


def _embeddings(model: Any) -> Callable[..., Any]:  # noqa: ANN401  (duck-typed)
    def embed(texts: Sequence[str], role: Role = "document") -> Any:  # noqa: ANN401
        if role == "query":
            return [as_array(model.embed_query(text)) for text in texts]
        return model.embed_documents(list(texts))

    return embed


def _encode(model: Any) -> Callable[..., Any]:  # noqa: ANN401  (duck-typed)
    """Return a model's `encode`; it is given a role only if it names that argument."""
    try:
        takes_role = "role" in signature(model.encode).parameters
    except (TypeError, ValueError):  # some builtins have no signature
        takes_role = False

    def encode(texts: Sequence[str]) -> Any:  # noqa: ANN401
        return model.encode(list(texts))

    def encode_role(texts: Sequence[str], role: Role = "document") -> Any:  # noqa: ANN401
        return model.encode(list(texts), role=role)

    return encode_role if takes_role else encode
