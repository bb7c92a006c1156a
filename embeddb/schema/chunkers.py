"""What a collection keeps in the catalog about how its documents are cut."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Literal, TypeAlias, cast, get_args

from embeddb.errors import ConfigurationError, did_you_mean

ChunkerKind: TypeAlias = Literal["auto", "none", "text", "markdown", "code"]

ContextKind: TypeAlias = Literal["headings", "none"]

KINDS: tuple[str, ...] = get_args(ChunkerKind)
CONTEXTS: tuple[str, ...] = get_args(ContextKind)

TITLE = "title"
"""The field of a document's metadata that stands first in the contexts of its chunks."""

VERSION = 2
"""The way of cutting that new collections get. A collection keeps the one that it was created with:
version 1 has no context, and is what a stored spec without a version means."""

# A vector says less about each sentence the more of them it stands for, so models that can
# read 8,192 tokens still get chunks of at most this many unless the caller asks for more.
DEFAULT_MAX_TOKENS = 512

# Text has few natural borders: an eighth of a chunk carries a sentence or two over each cut.
TEXT_OVERLAP_DIVISOR = 8


@dataclass(frozen=True, kw_only=True, slots=True)
class ChunkerSpec:
    """A way to cut; None means the default for the model (see `resolved`).

    Attributes:
        max_tokens: the longest chunk, in the model's tokens, special tokens not counted.
        overlap: tokens at the end of a chunk that the next chunk begins with again.
        context: what is put before a chunk when it is encoded: "headings" for the path of
            headings, or the class and signature, that it stands under; "none" for nothing.
        version: the way of cutting, 1 or 2.

    Raises:
        ConfigurationError: an unknown kind, context or version, or a number out of range.
    """

    kind: ChunkerKind = "auto"
    max_tokens: int | None = None
    overlap: int | None = None
    context: ContextKind | None = None
    version: int = VERSION

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ConfigurationError(
                f"Unknown chunker {self.kind!r}: choose one of {', '.join(KINDS)}."
                + did_you_mean(self.kind, KINDS)
            )
        if self.context not in (None, *CONTEXTS):
            raise ConfigurationError(
                f"Unknown context {self.context!r}: choose one of {', '.join(CONTEXTS)}."
            )
        self._check_version()
        _require_count("max_tokens", self.max_tokens, least=1)
        _require_count("overlap", self.overlap, least=0)
        if self.max_tokens is not None and self.overlap is not None:
            _require_overlap(self.overlap, self.max_tokens)

    def resolved(self, capacity: int | None = None) -> ChunkerSpec:
        """Return the spec with the defaults for a model that reads `capacity` tokens of a document.

        Raises:
            ConfigurationError: `max_tokens` is more than the model can read.
        """
        if self.kind == "none":
            return replace(self, context=self._context)
        max_tokens = self.max_tokens or min(capacity or DEFAULT_MAX_TOKENS, DEFAULT_MAX_TOKENS)
        if capacity is not None and max_tokens > capacity:
            raise ConfigurationError(
                f"Chunks of {max_tokens} tokens are longer than the {capacity} that the model can "
                f"read of a document: set max_tokens to {capacity} or less."
            )
        if self.overlap is not None:
            _require_overlap(self.overlap, max_tokens)
        overlap = self.overlap
        if overlap is None and self.kind != "auto":
            overlap = max_tokens // TEXT_OVERLAP_DIVISOR if self.kind == "text" else 0
        return replace(self, max_tokens=max_tokens, overlap=overlap, context=self._context)

    def is_met_by(self, there: ChunkerSpec) -> bool:
        """Return whether a collection that is cut by `there` is cut as this spec asks.

        A collection of an older version is not asked for what only the newer one brings by default.
        """
        if there.version < self.version:
            if self.context == "headings":
                return False
            return replace(self, context=None, version=there.version) == replace(
                there, context=None
            )
        return replace(self, context=self._context) == replace(there, context=there._context)

    @classmethod
    def parse(cls, value: str | Mapping[str, Any] | ChunkerSpec) -> ChunkerSpec:
        """Read `chunker=`: a kind, the settings of one, or a spec, which stays itself.

        Raises:
            ConfigurationError: an unknown kind or setting, or a number out of range.
        """
        return value if isinstance(value, ChunkerSpec) else cls.from_json(value)

    @property
    def reads_title(self) -> bool:
        """Whether a document with another title is cut and encoded again."""
        return self.kind != "none" and self._context == "headings"

    def short(self) -> str | dict[str, Any]:
        """Return the kind alone, or where more is set, all that is set."""
        given = {name: value for name, value in self.to_json().items() if value is not None}
        if self.version == VERSION:
            del given["version"]
        else:
            given["version"] = self.version
        return self.kind if len(given) == 1 else given

    def to_json(self) -> dict[str, Any]:
        """Return the spec as a JSON object; version 1 has the keys that it always had."""
        first: dict[str, Any] = {
            "kind": self.kind,
            "max_tokens": self.max_tokens,
            "overlap": self.overlap,
        }
        if self.version == 1:
            return first
        return first | {"context": self.context, "version": self.version}

    @classmethod
    def stored(cls, value: Mapping[str, Any]) -> ChunkerSpec:
        """Return the spec that a collection keeps: one without a version is of version 1."""
        return cls.from_json({"version": 1, **value})

    @classmethod
    def from_json(cls, value: str | Mapping[str, Any]) -> ChunkerSpec:
        """Return the spec of a JSON object, or of a kind alone.

        Raises:
            ConfigurationError: an unknown kind or key, or a number out of range.
        """
        if isinstance(value, str):
            return cls(kind=cast(ChunkerKind, value))
        if not isinstance(value, Mapping):
            raise ConfigurationError(
                "A chunker is a kind such as 'auto' or a mapping with the key 'kind'; "
                f"{value!r} is neither."
            )
        known = [field.name for field in fields(cls)]
        unknown = [str(key) for key in value if key not in known]
        if unknown:
            raise ConfigurationError(
                f"Unknown chunker setting {', '.join(sorted(unknown))}: "
                f"the settings are {', '.join(known[:-1])} and {known[-1]}."
            )
        return cls(**value)

    @property
    def _context(self) -> ContextKind:
        return self.context or ("none" if self.version == 1 else "headings")

    def _check_version(self) -> None:
        if self.version not in range(1, VERSION + 1):
            raise ConfigurationError(
                f"This embeddb cuts by version 1 to {VERSION}, not {self.version!r}."
            )
        if self.version == 1 and self.context == "headings":
            raise ConfigurationError(
                f"Version 1 of the chunkers has no context: leave it out, or make it {VERSION}."
            )


def _require_count(name: str, value: object, *, least: int) -> None:
    if value is None:
        return
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise ConfigurationError(
            f"{name} is {value!r}: it must be a whole number of at least {least}, or None."
        )


def _require_overlap(overlap: int, max_tokens: int) -> None:
    if overlap > max_tokens // 2:
        raise ConfigurationError(
            f"An overlap of {overlap} tokens is more than half of max_tokens ({max_tokens}): "
            f"set overlap to {max_tokens // 2} or less."
        )
