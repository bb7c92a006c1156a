"""Texts in SQL: how near the encoder in the database comes to its model, and what each way takes.

WordNet (57,000 glosses are the collection): `reverse dictionary` asks with 1,000 other glosses for
the words that they explain, among 20,000 entries; `dictionary` asks with a word alone for its
gloss, the hardest there is for a sum over tokens. `cranfield` (--cranfield FOLDER, in the layout of
BEIR: corpus.jsonl, queries.jsonl, qrels/test.tsv) asks 225 questions of 1,400 abstracts, with the
judgements that come with them. Recall is the SQL encoder's, and the model's own; the encoder is
trained on nothing but the collection's texts. Times are of one client, texts never asked before.

What the model encoded is kept in the user's cache: a second run encodes nothing.
"""

from __future__ import annotations

import json
import random
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread
from typing import Any

import numpy as np
import platformdirs
import psycopg
from tokenizers import Tokenizer

import embeddb
from benchmarks import corpus
from benchmarks.common import fresh_database, parser, show
from embeddb.encoders import EncoderSettings, load_encoder
from embeddb.pipeline.generation.form import StoredForm
from embeddb.pipeline.generation.model import BoundModel
from embeddb.protocols import Tokenized
from embeddb.records import ModelInfo, Role, Vector
from embeddb.sql_encoder import TrainOptions
from embeddb.sql_encoder.report import compare
from embeddb.worker.query_encoding import QueryEncoder

GLOSSES = 57_000
QUERIES = 1_000
ENTRIES = 20_000
TIMED = 200


class Remembering:
    """The model, whose vectors are kept; it has no prompts, so that roles are all one."""

    def __init__(self) -> None:
        self._encoder = load_encoder(corpus.MODEL, settings=EncoderSettings())
        folder = Path(platformdirs.user_cache_dir("embeddb")) / "benchmarks"
        self._texts, self._vectors = folder / "texts.json", folder / "texts.npy"
        self._known: dict[str, Vector] = {}
        if self._vectors.exists():
            texts = json.loads(self._texts.read_text("utf-8"))
            self._known = dict(zip(texts, np.load(self._vectors), strict=True))

    @property
    def info(self) -> ModelInfo:
        return self._encoder.info

    def tokenizer(self) -> Tokenizer | None:
        return self._encoder.tokenizer() if isinstance(self._encoder, Tokenized) else None

    def know(self, texts: Sequence[str], vectors: Vector) -> None:
        """Take vectors that were encoded before."""
        self._given = dict(zip(texts, vectors, strict=True))

    def encode(self, texts: Sequence[str], role: Role = "document") -> Vector:
        given = getattr(self, "_given", {})
        missing = [text for text in texts if text not in self._known and text not in given]
        if missing:
            made = self._encoder.encode(missing, role)
            self._known |= dict(zip(missing, made, strict=True))
        return np.stack([given[text] if text in given else self._known[text] for text in texts])

    def save(self) -> None:
        self._texts.parent.mkdir(parents=True, exist_ok=True)
        self._texts.write_text(json.dumps(list(self._known)), "utf-8")
        np.save(self._vectors, np.stack(list(self._known.values())))


@dataclass(frozen=True, kw_only=True)
class Task:
    """Queries, what is searched, and the rows of it that each is to find."""

    name: str
    queries: list[str]
    corpus: Vector
    relevant: list[list[int]]


def wordnet(
    store: embeddb.Store, model: Remembering, folder: Path
) -> tuple[embeddb.Collection, list[Task]]:
    texts = corpus.glosses(folder)
    vectors = corpus.vectors(folder)
    model.know(texts, vectors)
    held, kept = texts[:QUERIES], texts[QUERIES : QUERIES + GLOSSES]
    docs = store.create_collection("wordnet", model=model, chunker="none", index=None)
    docs.ingest([(str(number), text) for number, text in enumerate(kept)])
    words = corpus.entries(folder)
    others = kept[: ENTRIES - QUERIES]
    entries = model.encode([", ".join(words[text]) for text in [*held, *others]])
    draw = random.Random(1)
    asked = draw.sample(range(len(kept)), QUERIES)
    return docs, [
        Task(
            name="WordNet, reverse dictionary",
            queries=held,
            corpus=entries,
            relevant=[[number] for number in range(QUERIES)],
        ),
        Task(
            name="WordNet, dictionary",
            queries=[draw.choice(words[kept[number]]) for number in asked],
            corpus=vectors[QUERIES : QUERIES + GLOSSES],
            relevant=[[number] for number in asked],
        ),
    ]


def cranfield(
    store: embeddb.Store, model: Remembering, folder: Path
) -> tuple[embeddb.Collection, list[Task]]:
    found = [json.loads(line) for line in (folder / "corpus.jsonl").read_text().splitlines()]
    texts = [(each["title"] + " " + each["text"]).strip() or "(empty)" for each in found]
    place = {each["_id"]: number for number, each in enumerate(found)}
    relevant: dict[str, list[int]] = {}
    for line in (folder / "qrels" / "test.tsv").read_text().splitlines()[1:]:
        query, document, grade = line.split("\t")
        if float(grade) > 0 and document in place:
            relevant.setdefault(query, []).append(place[document])
    asked = [json.loads(line) for line in (folder / "queries.jsonl").read_text().splitlines()]
    asked = [each for each in asked if each["_id"] in relevant]
    docs = store.create_collection("cranfield", model=model, chunker="none", index=None)
    docs.ingest([(str(number), text) for number, text in enumerate(texts)])
    task = Task(
        name="Cranfield",
        queries=[each["text"] for each in asked],
        corpus=model.encode(texts),
        relevant=[relevant[each["_id"]] for each in asked],
    )
    return docs, [task]


def measure(
    store: embeddb.Store,
    docs: embeddb.Collection,
    model: Remembering,
    tasks: list[Task],
    spans: int,
) -> list[dict[str, Any]]:
    report = docs.train_sql_encoder(TrainOptions(spans=spans))
    held = {"way": f"{docs.name}, held-out spans", "queries": report.queries, **report.to_json()}
    found = [held]
    with psycopg.connect(store.url, autocommit=True) as connection:
        for task in tasks:
            statement = "SELECT embeddb.encode(%s, %s, 'sql')::real[]"
            made = [
                connection.execute(statement, [docs.name, text]).fetchone() for text in task.queries
            ]
            ours = np.array([row[0] for row in made if row], dtype=np.float32)
            own = model.encode(task.queries, "query")
            measured = compare(ours, own, task.corpus, task.relevant)
            found.append({"way": task.name, "queries": len(task.queries), **measured})
    return [_row(each) for each in found]


def _row(found: dict[str, Any]) -> dict[str, Any]:
    return {
        "way": found["way"],
        "queries": found["queries"],
        "cosine": found["cosine"],
        "R@10": found["recall_at_10"],
        "model": found["model_recall_at_10"],
        "share 10": found["recall_at_10"] / found["model_recall_at_10"],
        "R@100": found["recall_at_100"],
        "model ": found["model_recall_at_100"],
        "share 100": found["recall_at_100"] / found["model_recall_at_100"],
        "overlap@10": found["overlap_at_10"],
    }


def times(store: embeddb.Store, docs: embeddb.Collection) -> list[dict[str, Any]]:
    """Time each way to encode a query of about five words."""
    encoder = load_encoder(corpus.MODEL, settings=EncoderSettings())
    encoder.encode(["warm"], "query")
    stop, ready = Event(), Event()

    def model(name: str) -> BoundModel:
        record = store.collection(name).record
        form = StoredForm(store.database, record.generation)
        return BoundModel(record, form, lambda _: encoder, encoder)

    def work() -> None:
        server = QueryEncoder()
        with store.database.dedicated() as connection:
            connection.execute("LISTEN embeddb_encode")
            while not stop.is_set():
                server(connection, model)
                ready.set()
                list(connection.notifies(timeout=0.5, stop_after=1))

    thread = Thread(target=work)
    thread.start()
    ready.wait()
    texts = [f"how is the {number}th flow measured" for number in range(TIMED)]
    try:
        return [
            _timed(store, docs, "sql", "in the database", texts),
            _timed(store, docs, "worker", "by a worker", texts),
            _timed(store, docs, "worker", "by a worker, asked before", texts),
        ]
    finally:
        stop.set()
        thread.join()


def _timed(
    store: embeddb.Store, docs: embeddb.Collection, mode: str, way: str, texts: list[str]
) -> dict[str, Any]:
    taken = []
    with psycopg.connect(store.url, autocommit=True) as connection:
        for text in ["warm", *texts]:
            started = time.perf_counter()
            connection.execute("SELECT embeddb.encode(%s, %s, %s)", [docs.name, text, mode])
            taken.append((time.perf_counter() - started) * 1000)
    p50, p95 = np.percentile(taken[1:], [50, 95])
    return {"way": way, "texts": len(texts), "p50 ms": float(p50), "p95 ms": float(p95)}


def main() -> None:
    made = parser(__doc__)
    made.add_argument("--wordnet", type=Path, default=corpus.WORDNET)
    made.add_argument("--cranfield", type=Path, help="the folder; left out if not said")
    made.add_argument("--spans", type=int, default=TrainOptions().spans)
    options = made.parse_args()
    model = Remembering()
    quality: list[dict[str, Any]] = []
    with fresh_database(options.dsn) as url, embeddb.connect(url) as store:
        if options.cranfield:
            docs, tasks = cranfield(store, model, options.cranfield)
            quality += measure(store, docs, model, tasks, options.spans)
            model.save()
            print(json.dumps(quality), file=sys.stderr, flush=True)
        docs, tasks = wordnet(store, model, options.wordnet)
        quality += measure(store, docs, model, tasks, options.spans)
        model.save()
        show(options, "The SQL encoder against its model", quality)
        show(options, "Encoding a text in SQL", times(store, docs))


if __name__ == "__main__":
    main()
