"""Texts a second of a whole ingest against encoding alone: the database hides behind the encoder.

The same real texts, the documentation of the running Python, are encoded by the pipeline's own
encoder calls alone, and ingested into an empty collection: read, chunked, encoded, written.
"""

from __future__ import annotations

import statistics
import time

import embeddb
from benchmarks.common import fresh_database, parser, show
from benchmarks.encode import real_texts
from embeddb.encoders import EncoderSettings, encode_texts, load_encoder
from embeddb.pipeline.ingest.encode import WINDOW
from embeddb.pipeline.ingest.prepare import BATCH_CHUNKS
from embeddb.records import Document


def main() -> None:
    made = parser(__doc__)
    made.add_argument("--texts", type=int, default=3_000)
    made.add_argument("--model", default="all-MiniLM-L6-v2")
    options = made.parse_args()
    encoder = load_encoder(options.model, settings=EncoderSettings())
    rates: dict[str, list[float]] = {"encoding alone": [], "ingest": []}
    with fresh_database(options.dsn) as url, embeddb.connect(url) as store:
        texts = real_texts(options.texts, seed=0)
        encoder.encode(texts[:64])
        for number in range(options.rounds):
            name = f"bench{number}"
            collection = store.create_collection(name, model=encoder)
            rows = [Document(id=str(row), content=text) for row, text in enumerate(texts)]
            started = time.perf_counter()
            report = collection.ingest(rows, build_index=False)
            rates["ingest"].append(report.chunks / (time.perf_counter() - started))
            # the very chunks that the ingest encoded, in batches of the same size
            chunks = [chunk for (chunk,) in _chunks(url, name)]
            started = time.perf_counter()
            for start in range(0, len(chunks), BATCH_CHUNKS):
                encode_texts(encoder, chunks[start : start + BATCH_CHUNKS], window=WINDOW)
            rates["encoding alone"].append(len(chunks) / (time.perf_counter() - started))
    alone = statistics.median(rates["encoding alone"])
    show(
        options,
        f"{options.texts:,} real texts through {options.model}",
        [
            {
                "way": way,
                "chunks/s": statistics.median(values),
                "of encoding alone": statistics.median(values) / alone,
            }
            for way, values in rates.items()
        ],
    )


def _chunks(url: str, name: str) -> list[tuple[str]]:
    import psycopg
    from psycopg import sql

    table = sql.Identifier("embeddb", name + "_g1")
    with psycopg.connect(url) as connection:
        statement = sql.SQL("SELECT content FROM {} ORDER BY id, chunk_no").format(table)
        return connection.execute(statement).fetchall()


if __name__ == "__main__":
    main()
