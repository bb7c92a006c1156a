"""What each kind of role may do, and the privileges that this takes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from embeddb import IVFPQ
from embeddb.errors import ConfigurationError
from embeddb.schema.attached import KeyColumn, SourceTable
from embeddb.schema.catalog import CollectionRecord, Generation
from embeddb.schema.distances import Distance
from embeddb.schema.layouts import HashPartitions
from embeddb.schema.names import tables
from embeddb.schema.privileges import (
    EVERY,
    Level,
    RoleProfile,
    check_kind,
    collection_things,
    level_of,
    needs,
    needs_temporary,
    sees_all_chunks,
)
from embeddb.schema.storage import Storage

OWN = CollectionRecord(
    name="docs",
    tables=tables("embeddb", "docs", 1),
    generation=Generation(
        number=1,
        dim=4,
        distance=Distance.COSINE,
        storage=Storage.VECTOR,
        model=None,
        normalize=False,
        chunker={},
        index=None,
        state="active",
    ),
)
SOURCE = SourceTable(schema="public", table="t", keys=(KeyColumn(name="id", type="bigint"),))
ATTACHED = replace(OWN, name="t", tables=tables("embeddb", "t", 1), source=SOURCE)
HIDING = replace(ATTACHED, source=replace(SOURCE, row_security=True))


@pytest.mark.parametrize(
    ("kind", "own", "attached"),
    [
        ("reader", Level.READ, Level.READ),
        ("writer", Level.WRITE, Level.READ),
        ("worker", Level.NOTHING, Level.WRITE),
    ],
)
def test_a_kind_of_role_does_what_its_name_says(kind: str, own: Level, attached: Level) -> None:
    assert (level_of(kind, OWN), level_of(kind, ATTACHED)) == (own, attached)
    profile = RoleProfile(marks={kind})
    assert (profile.level(OWN), profile.level(ATTACHED)) == (own, attached)


def test_a_reader_changes_nothing() -> None:
    found = needs(RoleProfile(marks={"reader"}), [OWN, ATTACHED])
    given = set().union(*found.values())
    assert given == {"USAGE", "SELECT", "EXECUTE"}
    assert found["TABLE", "docs_g1"] == {"SELECT"}
    assert found["TABLE", EVERY] == {"SELECT"}
    assert ("TABLE", "jobs") not in found


def test_a_writer_changes_documents_of_embeddb_s_own_alone() -> None:
    found = needs(RoleProfile(marks={"writer"}), [OWN, ATTACHED])
    assert found["TABLE", "docs"] == {"SELECT", "INSERT", "UPDATE", "DELETE"}
    assert found["TABLE", "docs_g1"] == {"SELECT", "INSERT", "DELETE"}
    assert found["TABLE", "t_g1"] == {"SELECT"}
    assert ("TABLE", "jobs") not in found


def test_a_worker_has_the_queue_and_chunks_of_what_is_attached() -> None:
    found = needs(RoleProfile(levels={"t": Level.WRITE}), [OWN, ATTACHED])
    assert found["TABLE", "jobs"] == {"SELECT", "INSERT", "UPDATE", "DELETE"}
    assert found["TABLE", "t_g1"] == {"SELECT", "INSERT", "DELETE"}
    assert found["TABLE", "t"] == {"SELECT"}
    assert ("TABLE", "docs_g1") not in found
    assert ("ROUTINE", "t_key_1") in found


def test_a_role_without_any_level_needs_nothing() -> None:
    assert needs(RoleProfile(), [OWN, ATTACHED]) == {}


def test_codes_and_layouts_take_privileges_of_their_own() -> None:
    writer = RoleProfile(marks={"writer"})
    coded = replace(OWN, generation=replace(OWN.generation, index=IVFPQ()))
    found = needs(writer, [coded])
    assert found["TABLE", "docs_g1_codes"] == {"SELECT", "INSERT", "DELETE"}
    assert found["TABLE", "docs_g1_lists"] == {"SELECT"}
    laid_out = replace(OWN, generation=replace(OWN.generation, layout=HashPartitions("x")))
    assert "UPDATE" in needs(writer, [laid_out])["TABLE", "docs_g1"]


def test_temporary_tables_are_for_batches_and_for_where_copy_is_refused() -> None:
    worker = RoleProfile(marks={"worker"})
    assert needs_temporary(RoleProfile(marks={"writer"}), [])
    assert needs_temporary(RoleProfile(levels={"docs": Level.WRITE}), [OWN])
    assert not needs_temporary(worker, [OWN, ATTACHED])
    assert needs_temporary(worker, [HIDING])


def test_who_encodes_sees_all_chunks() -> None:
    assert sees_all_chunks(RoleProfile(marks={"worker"}), HIDING)
    assert not sees_all_chunks(RoleProfile(marks={"reader"}), HIDING)
    assert not sees_all_chunks(RoleProfile(marks={"writer"}), OWN)


def test_what_belongs_to_a_collection_is_named() -> None:
    assert {"docs", "docs_g1", "docs_search", "docs_similar"} <= set(collection_things(OWN))


def test_an_unknown_kind_is_refused_with_those_that_there_are() -> None:
    check_kind("owner")
    with pytest.raises(ConfigurationError, match="reader, writer, worker, owner"):
        check_kind("admin")
