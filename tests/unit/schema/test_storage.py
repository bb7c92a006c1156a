"""What a kind of column can be compared by, and what it takes."""

from __future__ import annotations

import pytest

from embeddb.errors import ConfigurationError
from embeddb.schema.distances import Distance
from embeddb.schema.storage import Storage

OF_NUMBERS = [Distance.COSINE, Distance.L2, Distance.INNER_PRODUCT, Distance.L1]
OF_BITS = [Distance.HAMMING, Distance.JACCARD]
NUMBERS = [Storage.VECTOR, Storage.HALFVEC, Storage.INT8]


@pytest.mark.parametrize("storage", list(Storage))
@pytest.mark.parametrize("distance", list(Distance))
def test_bits_have_their_own_distances_and_numbers_theirs(
    storage: Storage, distance: Distance
) -> None:
    if distance in (OF_BITS if storage is Storage.BIT else OF_NUMBERS):
        storage.check(distance)
        return
    with pytest.raises(ConfigurationError) as caught:
        storage.check(distance)
    message = str(caught.value)
    assert f"storage={storage.label!r}" in message
    assert repr(distance.label) in message
    if storage is Storage.BIT:
        assert 'distance="hamming"' in message
        assert 'HNSW(on="bit")' in message
    else:
        assert 'storage="bit"' in message


@pytest.mark.parametrize("distance", list(Distance))
def test_a_distance_is_of_bits_or_of_numbers(distance: Distance) -> None:
    assert distance.of_bits == (distance in OF_BITS)


@pytest.mark.parametrize(
    ("storage", "dim", "size"),
    [
        (Storage.VECTOR, 1, 12),
        (Storage.VECTOR, 384, 1544),
        (Storage.VECTOR, 16_000, 64_008),
        (Storage.HALFVEC, 1, 10),
        (Storage.HALFVEC, 384, 776),
        (Storage.INT8, 1, 29),
        (Storage.INT8, 384, 412),
        (Storage.BIT, 1, 9),
        (Storage.BIT, 8, 9),
        (Storage.BIT, 9, 10),
        (Storage.BIT, 384, 56),
    ],
)
def test_a_vector_takes_so_many_bytes(storage: Storage, dim: int, size: int) -> None:
    assert storage.bytes_per_vector(dim) == size


def test_each_smaller_kind_takes_fewer_bytes() -> None:
    sizes = [storage.bytes_per_vector(384) for storage in Storage]
    assert sizes == sorted(sizes, reverse=True)
    assert len(set(sizes)) == len(sizes)


def test_what_is_stored_is_compared_as_a_type_of_pgvector_s() -> None:
    kinds = {storage.label: storage.compared_as for storage in Storage}
    assert kinds == {"vector": "vector", "halfvec": "halfvec", "int8": "halfvec", "bit": "bit"}


@pytest.mark.parametrize("kind", [Distance, Storage])
def test_an_unknown_name_is_refused_with_the_known_ones(
    kind: type[Distance] | type[Storage],
) -> None:
    known = [member.label for member in kind]
    assert [kind.named(label).label for label in known] == known
    with pytest.raises(ConfigurationError) as caught:
        kind.named("nonsense")
    assert all(label in str(caught.value) for label in known)


def test_a_score_is_larger_where_a_distance_is_smaller() -> None:
    for distance in Distance:
        scores = [distance.score(value) for value in (0.0, 0.5, 1.0, 7.0)]
        assert scores == sorted(scores, reverse=True)
        assert len(set(scores)) == len(scores)
    assert Distance.COSINE.score(0.25) == Distance.JACCARD.score(0.25) == 0.75
    assert Distance.INNER_PRODUCT.score(-3.0) == 3.0
    assert Distance.L2.score(1.0) == Distance.L1.score(1.0) == Distance.HAMMING.score(1.0) == 0.5
