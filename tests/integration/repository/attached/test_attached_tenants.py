"""Row-level security of an attached table: hidden rows hide their chunks, and nothing is lost."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

import embeddb
from embeddb.errors import IndexSpecError, PermissionDeniedError
from embeddb.repository.attached.rows import SourceRows
from tests.support.attaching import attach, drain, query
from tests.support.encoders import HashEncoder
from tests.support.postgres import one, role, rows, session

TENANTS = 300
ROWS = 9_000

GRANTS = [
    "GRANT USAGE ON SCHEMA embeddb TO {}",
    "GRANT SELECT ON ALL TABLES IN SCHEMA embeddb TO {}",
    "GRANT SELECT ON notes TO {}",
]


@pytest.fixture
def notes(store: embeddb.Store) -> embeddb.Collection:
    """Notes of 300 tenants, each of whom sees his own only."""
    rows(
        store.url,
        "CREATE TABLE notes (id bigint PRIMARY KEY, tenant int NOT NULL, body text);"
        "CREATE INDEX ON notes (tenant);"
        "ALTER TABLE notes ENABLE ROW LEVEL SECURITY;"
        "CREATE POLICY own ON notes USING (tenant = current_setting('app.tenant')::int)",
    )
    rows(
        store.url,
        "INSERT INTO notes SELECT n, n %% 300, 'note word' || n %% 977 || ' word' || n %% 41 "
        "FROM generate_series(1, %s) n; ",
        [ROWS],
    )
    rows(store.url, "ANALYZE notes")
    found = attach(store, "notes", "body", metadata=["tenant"])
    drain(store, found)
    found.create_index(embeddb.HNSW())
    return found


@pytest.fixture
def tenant(store: embeddb.Store, notes: embeddb.Collection) -> Iterator[embeddb.Store]:
    """A store of the tenant 7."""
    with role(store.url, *GRANTS) as url:
        user = url.split("user=")[1].split(" ")[0].strip("'")
        rows(store.url, f'ALTER ROLE "{user}" SET app.tenant = 7')
        with embeddb.connect(url) as other:
            yield other


def test_a_tenant_finds_all_that_is_his_and_nothing_else(
    store: embeddb.Store, tenant: embeddb.Store
) -> None:
    mine = {str(row[0]) for row in rows(store.url, "SELECT id FROM notes WHERE tenant = 7")}
    found = tenant.collection("notes", encoder=HashEncoder())
    assert (found.count(), found.count_chunks()) == (len(mine), len(mine))
    assert found.count({"tenant": 8}) == 0
    assert found.get(["7", "8"])[0].id == "7"
    assert len(found.get(["7", "8"])) == 1
    assert {document.id for document in found.peek(1000)} == mine
    texts = [f"word{number} word{number % 41}" for number in range(20)]
    for text in texts:
        hits = found.search(text, 10)
        exact = found.search(text, 10, exact=True)
        assert len(hits) == 10
        assert {hit.id for hit in hits} <= mine
        assert np.allclose([hit.distance for hit in hits], [hit.distance for hit in exact])
        assert found.search(text, 10, filter={"tenant": 8}) == []
        assert len(found.search(text, 10, filter={"tenant": 7})) == 10
    many = found.search_many(texts, 5)
    assert all({hit.id for hit in hits} <= mine for hits in many)


def test_nothing_leaks_from_sql_either(store: embeddb.Store, tenant: embeddb.Store) -> None:
    vector = str(query("word8 word8").tolist())
    for statement, values in (
        ("SELECT id FROM embeddb.notes_search(%s::vector, 1000)", [vector]),
        ("SELECT id::bigint FROM embeddb.search('notes', %s::vector, 1000)", [vector]),
        ("SELECT id FROM embeddb.notes_similar(7, 1000)", []),
        ("SELECT key_id FROM embeddb.notes_g1", []),
        ("SELECT key_id FROM embeddb.notes", []),
    ):
        found = {row[0] for row in rows(tenant.url, statement, values)}
        assert found
        assert {int(id) % TENANTS for id in found} == {7}
    with pytest.raises(Exception, match="no document '8'"):
        rows(tenant.url, "SELECT * FROM embeddb.notes_similar(8)")
    assert one(tenant.url, "SELECT count(*) FROM embeddb.notes_g1") == ROWS // TENANTS
    plan = rows(tenant.url, "EXPLAIN ANALYZE SELECT * FROM embeddb.notes_g1 WHERE id = '8'")
    assert plan


def test_a_large_tenant_gets_the_nearest_of_his_own(
    store: embeddb.Store, tenant: embeddb.Store
) -> None:
    rows(store.url, "UPDATE notes SET tenant = 7 WHERE id % 3 = 0")
    found = tenant.collection("notes", encoder=HashEncoder())
    recalls = []
    for number in range(20):
        text = f"word{number * 13} word{number % 41}"
        exact = found.search(text, 10, exact=True)
        hits = found.search(text, 10)
        assert len(hits) == 10
        farthest = exact[-1].distance + 1e-6
        recalls.append(np.mean([hit.distance <= farthest for hit in hits]))
    assert np.mean(recalls) >= 0.9


def test_a_row_that_is_handed_over_moves_at_once(
    store: embeddb.Store, tenant: embeddb.Store
) -> None:
    found = tenant.collection("notes")
    before = found.count_chunks()
    rows(store.url, "UPDATE notes SET tenant = 8 WHERE id = 7")
    assert (found.count_chunks(), found.count()) == (before - 1, before - 1)
    assert one(store.url, "SELECT count(*) FROM embeddb.jobs") == 0


def test_one_connection_serves_one_tenant_after_another(
    store: embeddb.Store, tenant: embeddb.Store
) -> None:
    vector = str(query("word8 word8").tolist())
    with session(tenant.url) as connection:
        for number in (3, 4, 3, 5) * 3:
            connection.execute("SELECT set_config('app.tenant', %s, false)", [str(number)])
            found = connection.execute(
                "SELECT n.tenant FROM embeddb.notes_search(%s::vector, 20) s "
                "JOIN notes n USING (id)",
                [vector],
            ).fetchall()
            assert found == [(number,)] * 20


def test_the_owner_sees_everything(store: embeddb.Store, notes: embeddb.Collection) -> None:
    assert notes.count() == ROWS
    assert len(notes.search("word8 word8", 50)) == 50
    hits = notes.search(query("word8 word8"), 10)
    exact = notes.search(query("word8 word8"), 10, exact=True)
    assert np.allclose([h.distance for h in hits], [h.distance for h in exact])


def test_codes_would_tell_who_has_what(store: embeddb.Store, notes: embeddb.Collection) -> None:
    with pytest.raises(IndexSpecError, match="row-level security"):
        notes.create_index(embeddb.IVFPQ())
    with pytest.raises(IndexSpecError, match="row-level security"):
        notes.convert(index=embeddb.IVFPQ())
    with pytest.raises(IndexSpecError, match="row-level security"):
        attach(store, "notes", "body", name="other", index="ivfpq")


def test_security_that_came_later_is_taken_up_by_attaching_again(store: embeddb.Store) -> None:
    rows(
        store.url,
        "CREATE TABLE plain (id int PRIMARY KEY, tenant int, body text);"
        "INSERT INTO plain SELECT n, n % 2, 'word' || n FROM generate_series(1, 40) n",
    )
    drain(store, attach(store, "plain", "body"))
    rows(
        store.url,
        "ALTER TABLE plain ENABLE ROW LEVEL SECURITY;CREATE POLICY own ON plain USING (tenant = 1)",
    )
    grants = [grant.replace("notes", "plain") for grant in GRANTS]
    with role(store.url, *grants) as url:
        assert one(url, "SELECT count(*) FROM embeddb.plain_g1") == 40
        attach(store, "plain", "body", exist_ok=True)
        rows(store.url, "GRANT SELECT ON embeddb.plain TO PUBLIC")
        assert one(url, "SELECT count(*) FROM embeddb.plain_g1") == 20
        vector = str(query("word3").tolist())
        search = "SELECT count(*) FROM embeddb.plain_search(%s::vector, 40)"
        assert one(url, search, [vector]) == 20


def test_what_is_hidden_from_a_worker_is_not_taken_for_gone(
    store: embeddb.Store, tenant: embeddb.Store
) -> None:
    record = tenant.collection("notes").record
    rows(store.url, "ALTER POLICY own ON notes USING (true) WITH CHECK (false)")
    with tenant.database.connection() as connection:
        assert list(SourceRows(tenant.database, record).read(connection, ["7", "8"])) == ["7", "8"]
    rows(store.url, "ALTER POLICY own ON notes USING (tenant = 7)")
    source = SourceRows(tenant.database, record)
    with (
        tenant.database.connection() as connection,
        pytest.raises(PermissionDeniedError, match="BYPASSRLS"),
    ):
        source.read(connection, ["7", "8"])
