"""The claims whose leases are renewed."""

from __future__ import annotations

from embeddb.worker.leases import Leases
from tests.support.workers import claim


def test_leases_are_kept_until_every_key_is_settled() -> None:
    leases = Leases()
    first, second = claim("a", "b"), claim("c")
    leases.add(first)
    leases.add(second)
    assert len(leases) == 3
    leases.settle(first, ["a"])
    assert [keys for _, keys in leases.all()] == [["b"], ["c"]]
    leases.settle(first, ["b"])
    leases.settle(first, ["b"])
    assert leases.all() == [(second, ["c"])]
