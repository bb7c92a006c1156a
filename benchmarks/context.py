"""nDCG@10 of pages with and without the context of their chunks, on two sets of documentation.

Each question of `context_questions.json` names the pages that answer it; they were written before
any result was seen. A page's score is that of its nearest chunk, compared exactly.

The pages come from these, on the command line:

    apt-get download python3.11-doc && dpkg-deb -x python3.11-doc_*.deb python
    git clone --depth 1 https://github.com/helm/helm-www helm
    python -m benchmarks.context --python python/usr/share/doc/python3.11/html --helm helm/docs
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.metrics import ndcg_score  # type: ignore[import-untyped]

from benchmarks.common import parser, show
from embeddb.chunkers import make_chunker, with_context
from embeddb.encoders import EncoderSettings, load_encoder
from embeddb.protocols import Encoder, TitledChunker, Tokenized
from embeddb.records import Document, Vector
from embeddb.sources import Files

QUESTIONS = Path(__file__).with_name("context_questions.json")
FOLDERS = {"python": ("library", "howto", "tutorial"), "helm": ("",)}
WAYS: dict[str, dict[str, Any]] = {
    "version 1": {"kind": "auto", "version": 1},
    "context none": {"kind": "auto", "context": "none"},
    "context headings": {"kind": "auto", "context": "headings"},
}
DEPTH = 10
BATCH = 256


def main() -> None:
    made = parser(__doc__)
    for name in FOLDERS:
        made.add_argument(f"--{name}", type=Path, metavar="FOLDER")
    made.add_argument("--ways", nargs="+", choices=WAYS, default=list(WAYS))
    options = made.parse_args()
    encoder = load_encoder("all-MiniLM-L6-v2", settings=EncoderSettings())
    questions: dict[str, list[tuple[str, list[str]]]] = json.loads(QUESTIONS.read_text())
    rows: list[dict[str, Any]] = []
    for name in FOLDERS:
        folder: Path | None = getattr(options, name)
        if folder is None:
            continue
        pages = read(folder, FOLDERS[name])
        for way in options.ways:
            rows.append(
                {"pages": name, "way": way, **measure(encoder, pages, questions[name], way)}
            )
    show(options, f"nDCG@{DEPTH} of pages by their nearest chunk, all-MiniLM-L6-v2", rows)


def read(folder: Path, parts: Sequence[str]) -> dict[str, Document]:
    """Return the documents of some of the folders below one, by their paths from there."""
    pages: dict[str, Document] = {}
    for part in parts:
        for item in Files(str(folder / part)).documents():
            if isinstance(item, Document):
                pages[f"{part}/{item.id}".removeprefix("/")] = item
    return pages


def measure(
    encoder: Encoder,
    pages: dict[str, Document],
    questions: Sequence[tuple[str, list[str]]],
    way: str,
) -> dict[str, Any]:
    missing = {page for _, right in questions for page in right} - pages.keys()
    if missing:
        raise SystemExit(f"These pages are not there: {', '.join(sorted(missing))}.")
    owners, texts = cut(encoder, pages, way)
    order = np.argsort([len(text) for text in texts], kind="stable")
    vectors = np.empty((len(texts), encoder.info.dim), dtype=np.float32)
    for start in range(0, len(order), BATCH):
        chosen = order[start : start + BATCH]
        vectors[chosen] = encoder.encode([texts[row] for row in chosen], "document")
    asked = encoder.encode([text for text, _ in questions], "query")
    scores = page_scores(unit(asked), unit(vectors), owners, len(pages))
    names = list(pages)
    right = np.array([[page in answers for page in names] for _, answers in questions])
    each = [
        float(ndcg_score(right[row : row + 1], scores[row : row + 1], k=DEPTH))
        for row in range(len(questions))
    ]
    return {
        "documents": len(pages),
        "chunks": len(texts),
        "questions": len(questions),
        "nDCG@10": float(np.mean(each)),
        "standard error": float(np.std(each) / np.sqrt(len(each))),
    }


def cut(encoder: Encoder, pages: dict[str, Document], way: str) -> tuple[list[int], list[str]]:
    """Return the number of each chunk's page, and what the model is given of it."""
    assert isinstance(encoder, Tokenized)
    capacity = encoder.info.max_tokens
    chunker = make_chunker(
        WAYS[way], encoder.tokenizer(), None if capacity is None else capacity - 2
    )
    owners: list[int] = []
    texts: list[str] = []
    for number, page in enumerate(pages.values()):
        content = page.content or ""
        if isinstance(chunker, TitledChunker):
            title = page.metadata.get("title")
            chunks = chunker.chunks(content, page.media_type, title=title)
        else:
            chunks = chunker.chunks(content, page.media_type)
        owners += [number] * len(chunks)
        texts += [with_context(chunk.context, chunk.content) for chunk in chunks]
    return owners, texts


def page_scores(asked: Vector, vectors: Vector, owners: Sequence[int], pages: int) -> Vector:
    """Return the similarity of each question and page, shape (questions, pages)."""
    scores = np.full((len(asked), pages), -1.0, dtype=np.float32)
    similar = asked @ vectors.T
    for row in range(len(asked)):
        np.maximum.at(scores[row], owners, similar[row])
    return scores


def unit(vectors: Vector) -> Vector:
    found: Vector = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return found


if __name__ == "__main__":
    main()
