"""Workers are killed, again and again, while an application writes: nothing is lost or stale."""

from __future__ import annotations

import random
import time

import embeddb
from tests.support import chaos
from tests.support.postgres import one, rows

KILLS = 10
WORKERS = 2


def test_after_kills_the_chunks_are_those_of_a_full_rebuild(database: str) -> None:
    chaos.prepare(database, 400, attach)
    chance = random.Random(4711)
    crew = chaos.Crew(database, WORKERS, chance)
    writers = [chaos.Application(url=database, seed=seed) for seed in (1, 2)]
    rows(database, f"UPDATE notes SET body = '{chaos.DEADLY}' WHERE id = 7")
    for writer in writers:
        writer.start()
    for _ in range(KILLS):
        crew.fill()
        time.sleep(chance.uniform(0.3, 1.2))
        crew.kill_one()
    for writer in writers:
        writer.stop()
    crew.end()
    assert sum(writer.writes for writer in writers) > 100
    chaos.drain(database, crew.encoded, 60)
    verdict = chaos.judge(database, attach)
    assert verdict.clean, verdict
    assert verdict.documents > 100
    assert verdict.failed == one(database, "SELECT count(*) FROM public.bad")
    assert crew.encoded.value >= one(database, "SELECT sum(n) FROM public.written")


def attach(store: embeddb.Store, name: str) -> None:
    """Attach a collection to the table."""
    from embeddb.encoders import EncoderSettings, load_encoder
    from tests.support.workers import attach as attach_table

    encoder = load_encoder(
        chaos.MODEL, settings=EncoderSettings(python_models=("tests.support.chaos",))
    )
    attach_table(store, "public.notes", "body", name=name, model=encoder)
