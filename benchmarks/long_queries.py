"""Compare two ways to search by a text that is longer than the model reads.

The texts are long topics of Python's manual, as Python itself carries them. Every second passage
of a topic is its query; the passages between them are to be found among those of all topics.

    python -m benchmarks.long_queries
"""

from __future__ import annotations

from dataclasses import dataclass
from pydoc_data.topics import topics

import numpy as np

from embeddb.chunkers import ChunkerSpec, make_chunker
from embeddb.encoders import EncoderSettings, encode_inputs, load_encoder
from embeddb.pipeline.generation.queries import encode_queries
from embeddb.protocols import Tokenized
from embeddb.records import Vector

PASSAGE_TOKENS = 100
LEAST_PASSAGES = 10
MOST_PASSAGES = 24
FIRST = 5


@dataclass(frozen=True, kw_only=True, slots=True)
class Task:
    """Queries, the passages to be found, and which query each passage belongs to."""

    queries: list[str]
    passages: list[str]
    owners: Vector


def main() -> None:
    """Print how well each way finds the passages."""
    encoder = load_encoder("all-MiniLM-L6-v2", settings=EncoderSettings(offline=True))
    assert isinstance(encoder, Tokenized)
    tokenizer = encoder.tokenizer()
    assert tokenizer is not None
    spec = ChunkerSpec(kind="text", max_tokens=PASSAGE_TOKENS, overlap=0)
    chunker = make_chunker(spec, tokenizer, encoder.info.max_tokens)
    cut = [[chunk.content for chunk in chunker.chunks(topics[name])] for name in sorted(topics)]
    task = _task([parts[:MOST_PASSAGES] for parts in cut if len(parts) >= LEAST_PASSAGES])
    lengths = [len(tokenizer.encode(text).ids) for text in task.queries]
    print(
        f"{len(task.queries)} queries of {np.mean(lengths):.0f} tokens, "
        f"{len(task.passages)} passages"
    )
    passages = encode_inputs(encoder, task.passages)
    # the model itself cuts what is too long for it
    _report("cut", encode_inputs(encoder, task.queries, "query"), passages, task.owners)
    _report("mean", encode_queries(encoder, task.queries).vectors, passages, task.owners)


def _task(parts: list[list[str]]) -> Task:
    return Task(
        queries=["\n\n".join(part[0::2]) for part in parts],
        passages=[passage for part in parts for passage in part[1::2]],
        owners=np.repeat(np.arange(len(parts)), [len(part[1::2]) for part in parts]),
    )


def _report(name: str, queries: Vector, passages: Vector, owners: Vector) -> None:
    order = np.argsort(-(queries @ passages.T), axis=1)
    found = owners[order] == np.arange(len(queries))[:, np.newaxis]
    counts = found.sum(axis=1)
    precision = found[:, :FIRST].mean()
    r_precision = np.mean([row[:n].mean() for row, n in zip(found, counts, strict=True)])
    mrr = (1 / (1 + found.argmax(axis=1))).mean()
    print(f"{name:5} P@{FIRST} {precision:.3f}  R-precision {r_precision:.3f}  MRR {mrr:.3f}")


if __name__ == "__main__":
    main()
