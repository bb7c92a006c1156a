"""Several sources as one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from os import PathLike

from embeddb.protocols import Source, TypedSource
from embeddb.records import SourceItem


@dataclass(frozen=True)
class Together:
    """Several sources, one after the other.

    Attributes:
        path: the glob that they are the files of, if they are.
    """

    sources: Sequence[Source]
    path: str | PathLike[str] | None = None

    def documents(self) -> Iterator[SourceItem]:
        """Yield the documents of each source."""
        for source in self.sources:
            yield from source.documents()

    def count(self) -> int | None:
        """Return the number of documents; None if a source does not know its own."""
        counts = [source.count() for source in self.sources]
        return None if None in counts else sum(count or 0 for count in counts)

    def typed(self, known: Mapping[str, str]) -> Together:
        """Return the same sources, each with the types that were remembered."""
        return replace(
            self,
            sources=[
                source.typed(known) if isinstance(source, TypedSource) else source
                for source in self.sources
            ],
        )

    def types(self) -> Mapping[str, str]:
        """Return the types of the columns, e.g. `int/text` where the sources disagree."""
        found: dict[str, list[str]] = {}
        for source in self.sources:
            for name, kind in source.types().items() if isinstance(source, TypedSource) else ():
                if kind not in found.setdefault(name, []):
                    found[name].append(kind)
        return {name: "/".join(kinds) for name, kinds in found.items()}
