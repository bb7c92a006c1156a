"""Which indexes are embeddb's own."""

from __future__ import annotations

import pytest

from embeddb.repository.collections.health import is_ours
from embeddb.schema.names import tables

SHORT = tables("embeddb", "docs", 3)
LONG = tables("embeddb", "d" * 52, 3)


@pytest.mark.parametrize(
    "name",
    [
        "docs_metadata",
        "docs_pkey",
        "docs_g3_pkey",
        "docs_g3_hnsw",
        "docs_g3_ivfflat",
        "docs_g3_ivfpq",
        "docs_g3_part",
        "docs_g3_h0",
        "docs_g3_hd",
        "docs_g3_hnsw_ccnew",
        "docs_g3_hnsw_ccold2",
        "docs_g3_h12_ccnew",
    ],
)
def test_what_embeddb_named_is_its_own(name: str) -> None:
    assert is_ours(name, SHORT)


@pytest.mark.parametrize(
    "name",
    ["docs_g4_hnsw", "docs_title", "other_g3_hnsw", "docs_g3_hx", "docs_title_ccnew", "_ccnew"],
)
def test_what_somebody_else_named_is_not(name: str) -> None:
    assert not is_ours(name, SHORT)


def test_a_name_that_postgres_cut_before_the_suffix_is_recognized() -> None:
    full = LONG.vector_index("ivfflat")
    suffix = "_ccnew"
    cut = full[: 63 - len(suffix)] + suffix
    assert len(full) == len(cut) == 63
    assert is_ours(cut, LONG)
    assert not is_ours(full[:20] + suffix, LONG)  # Postgres cuts no more than it has to
