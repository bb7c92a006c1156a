"""From options to an index, new or changed."""

from __future__ import annotations

import re
from typing import Any

import pytest
import typer

from embeddb.cli.common.index_options import IndexOptions, Method, NewIndexOptions
from embeddb.schema.catalog import CollectionRecord, Generation, PendingForm
from embeddb.schema.distances import Distance
from embeddb.schema.indexes import HNSW, IVFPQ, IndexSpec, IVFFlat
from embeddb.schema.names import Tables
from embeddb.schema.storage import Storage


def _record(index: IndexSpec | None, wanted: PendingForm | None = None) -> CollectionRecord:
    generation = Generation(
        number=1,
        dim=8,
        distance=Distance.COSINE,
        storage=Storage.VECTOR,
        model=None,
        normalize=False,
        chunker={},
        index=index,
        state="active",
        wanted=wanted,
    )
    return CollectionRecord(
        name="docs",
        tables=Tables(schema="embeddb", documents_name="docs", chunks_name="docs_g1"),
        generation=generation,
    )


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, HNSW()),
        ({"m": 8, "ef_construction": 32, "ef_search": 50}, HNSW(8, 32, 50)),
        ({"on": "bit", "oversample": 4}, HNSW(on="bit", oversample=4)),
        ({"index": Method.ivfflat, "lists": 9, "probes": 3}, IVFFlat(9, 3)),
        ({"index": Method.ivfpq, "subvectors": 4, "oversample": 5}, IVFPQ(None, 4, None, 5)),
        ({"index": Method.none}, None),
    ],
)
def test_options_make_an_index(options: dict[str, Any], expected: IndexSpec | None) -> None:
    assert NewIndexOptions(**options).spec() == expected


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"lists": 4}, "kind hnsw"),
        ({"index": Method.ivfflat, "m": 8}, "kind ivfflat"),
        ({"index": Method.ivfpq, "on": "bit"}, "kind ivfpq"),
        ({"index": Method.none, "ef_search": 50}, "no index"),
        ({"m": 50, "ef_construction": 60}, "at least 2 * m"),
    ],
)
def test_an_option_that_does_not_fit_is_a_wrong_use(options: dict[str, Any], told: str) -> None:
    with pytest.raises(typer.BadParameter, match=re.escape(told)):
        NewIndexOptions(**options).spec()


@pytest.mark.parametrize(
    ("own", "options", "expected"),
    [
        (HNSW(m=8), {}, None),
        (None, {}, None),
        (None, {"m": 8}, HNSW(m=8)),
        (HNSW(m=8), {"ef_search": 50}, HNSW(m=8, ef_search=50)),
        (HNSW(on="bit", oversample=9), {"on": "bit2"}, HNSW(on="bit2")),
        (IVFFlat(lists=9, probes=3), {"lists": 16}, IVFFlat(lists=16)),
        (IVFFlat(lists=9, probes=3), {"lists": 16, "probes": 2}, IVFFlat(lists=16, probes=2)),
        (IVFPQ(lists=9, oversample=7), {"lists": 16}, IVFPQ(lists=16, oversample=7)),
    ],
)
def test_options_change_the_index_that_is_there(
    own: IndexSpec | None, options: dict[str, Any], expected: IndexSpec | None
) -> None:
    assert IndexOptions(**options).changed(_record(own)) == expected


def test_a_pending_index_is_the_one_that_is_changed() -> None:
    wanted = PendingForm(storage=Storage.VECTOR, transform=("pca:4",), index=HNSW(m=8))
    changed = IndexOptions(ef_search=50).changed(_record(None, wanted))
    assert changed == HNSW(m=8, ef_search=50)


def test_a_change_that_cannot_be_is_a_wrong_use() -> None:
    with pytest.raises(typer.BadParameter, match="kind ivfflat"):
        IndexOptions(m=8).changed(_record(IVFFlat()))
    with pytest.raises(typer.BadParameter, match="at least 2"):
        IndexOptions(m=100).changed(_record(HNSW()))
