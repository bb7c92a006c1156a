"""`embeddb grant` and what roles then do: a worker, a writer, an owner who are no superusers."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import embeddb
from tests.conftest import RunCLI
from tests.support.cli import MODEL, failed, loaded
from tests.support.postgres import one, rows
from tests.support.privileges import as_role, held, roles

DOCUMENT = '{"id": "a", "content": "a cat on a mat"}\n'


@pytest.fixture
def made(database: str) -> Iterator[dict[str, str]]:
    """Roles with no right at all."""
    with roles(database, "reader", "writer", "worker", "owner") as made:
        yield made


@pytest.fixture
def attached(database: str, run_cli: RunCLI) -> str:
    """A table of 50 rows, attached, that nobody has encoded yet."""
    rows(database, "CREATE TABLE public.articles (id bigint PRIMARY KEY, body text)")
    rows(database, "INSERT INTO articles SELECT n, 'word' || n FROM generate_series(1, 50) n")
    loaded(
        run_cli("attach", "articles", "--text", "body", "--model", MODEL, "--json", dsn=database)
    )
    return database


def test_statements_are_shown_run_and_taken_back(
    attached: str, made: dict[str, str], run_cli: RunCLI
) -> None:
    role = made["reader"]
    loaded(run_cli("worker", "--once", "--json", dsn=attached))
    shown = run_cli("grant", "reader", role, "--sql", dsn=attached)
    assert shown.returncode == 0, shown.stderr
    assert f'GRANT USAGE ON SCHEMA "embeddb" TO "{role}";' in shown.stdout
    assert "-- GRANT SELECT" in shown.stdout
    assert held(attached, role) == set()
    done = loaded(run_cli("grant", "reader", role, "--with-source", "--json", dsn=attached))
    assert done["applied"] is True
    assert (done["kind"], done["collections"], done["needs"]) == ("reader", None, [])
    again = run_cli("grant", "reader", role, dsn=attached)
    assert "nothing to grant" in again.stdout
    found = loaded(run_cli("search", "articles", "word7", "--json", dsn=as_role(attached, role)))
    assert found["hits"][0]["id"] == "7"
    doctor = run_cli("doctor", dsn=as_role(attached, role))
    assert "may search, but not create collections" in " ".join(doctor.stdout.split())
    run_cli("revoke", "reader", role, "--with-source", dsn=attached)
    assert held(attached, role) == set()
    assert "king" in failed(run_cli("grant", "king", role, dsn=attached), 2)


def test_a_worker_needs_no_superuser(attached: str, made: dict[str, str], run_cli: RunCLI) -> None:
    role = made["worker"]
    url = as_role(attached, role)
    worker = ("worker", "--once", "--poll-seconds", "0.2", "--json")
    stopped = failed(run_cli("migrate", "--check", dsn=url))
    assert "permission denied" in stopped
    loaded(run_cli("grant", "reader", role, "--with-source", "--json", dsn=attached))
    refused = failed(run_cli(*worker, dsn=url))
    assert f"embeddb grant worker {role}" in refused
    assert "INSERT on embeddb.jobs" in refused
    loaded(run_cli("revoke", "reader", role, "--with-source", "--json", dsn=attached))
    told = loaded(run_cli("grant", "worker", role, "--json", dsn=attached))
    (need,) = told["needs"]
    unread = loaded(run_cli(*worker, dsn=url), 1)
    assert need["statement"] in unread["problems"]["articles"]
    rows(attached, need["statement"])
    report = loaded(run_cli(*worker, dsn=url))
    assert (report["processed"], report["failed"], report["problems"]) == (50, 0, {})
    assert report["unbuilt"] == ["articles"]
    rows(attached, "UPDATE articles SET body = 'changed' WHERE id <= 5")
    rows(attached, "DELETE FROM articles WHERE id > 40")
    assert loaded(run_cli(*worker, dsn=url))["processed"] == 5
    differing = (
        "SELECT count(*) FROM articles a FULL JOIN embeddb.articles_g1 c ON c.key_id = a.id "
        "WHERE a.body IS DISTINCT FROM c.content"
    )
    assert one(attached, differing) == 0
    assert loaded(run_cli(*worker, dsn=attached))["unbuilt"] == []
    assert "hnsw" in str(loaded(run_cli("index", "list", "articles", "--json", dsn=attached)))
    for statement in (
        "CREATE TABLE embeddb.mine ()",
        "UPDATE articles SET body = ''",
        "UPDATE embeddb.articles_g1 SET content = ''",
        "DELETE FROM embeddb.collections",
        "UPDATE embeddb.generations SET dim = 3",
        "DROP TABLE embeddb.jobs",
    ):
        with pytest.raises(Exception, match=r"permission denied|must be owner"):
            rows(url, statement)


def test_a_worker_is_told_of_row_level_security_at_its_start(
    database: str, made: dict[str, str], run_cli: RunCLI
) -> None:
    role = made["worker"]
    rows(
        database,
        "CREATE TABLE notes (id bigint PRIMARY KEY, tenant int, body text);"
        "INSERT INTO notes SELECT n, n % 5, 'word' || n FROM generate_series(1, 20) n;"
        "ALTER TABLE notes ENABLE ROW LEVEL SECURITY;"
        "CREATE POLICY own ON notes USING (tenant = 3)",
    )
    loaded(run_cli("attach", "notes", "--text", "body", "--model", MODEL, "--json", dsn=database))
    told = loaded(run_cli("grant", "worker", role, "--json", dsn=database))
    assert [need["statement"].split()[0] for need in told["needs"]] == ["GRANT", "CREATE"]
    rows(database, told["needs"][0]["statement"])
    worker = ("worker", "--once", "--poll-seconds", "0.2", "--json")
    url = as_role(database, role)
    refused = loaded(run_cli(*worker, dsn=url), 1)
    assert "Row-level security hides rows of public.notes" in refused["problems"]["notes"]
    assert "BYPASSRLS" in refused["problems"]["notes"]
    assert one(database, "SELECT count(*) FROM embeddb.notes_g1") == 0
    rows(database, told["needs"][1]["statement"])
    assert loaded(run_cli(*worker, dsn=url))["processed"] == 20
    rows(database, "CREATE POLICY narrow ON notes AS RESTRICTIVE USING (tenant < 4)")
    rows(database, "UPDATE notes SET body = 'other' WHERE id = 4")
    assert "BYPASSRLS" in loaded(run_cli(*worker, dsn=url), 1)["problems"]["notes"]
    rows(database, f'ALTER ROLE "{role}" BYPASSRLS')
    assert loaded(run_cli(*worker, dsn=url))["processed"] == 1


def test_a_writer_writes_and_changes_no_table(
    database: str, made: dict[str, str], run_cli: RunCLI
) -> None:
    role = made["writer"]
    with embeddb.connect(database) as store:
        from embeddb.encoders import EncoderSettings, load_encoder

        encoder = load_encoder(
            MODEL, settings=EncoderSettings(python_models=("tests.support.encoders",))
        )
        store.create_collection("notes", model=encoder)
    run_cli("grant", "writer", role, dsn=database)
    url = as_role(database, role)
    done = run_cli("ingest", "notes", "-", dsn=url, input=DOCUMENT)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "embeddb index build" in done.stdout + done.stderr
    assert loaded(run_cli("search", "notes", "cat", "--json", dsn=url))["hits"][0]["id"] == "a"
    assert run_cli("delete", "notes", "--id", "a", "--yes", dsn=url).returncode == 0
    for command in (
        ("collection", "drop", "notes", "--yes"),
        ("index", "build", "notes"),
        ("collection", "create", "mine", "--dim", "3"),
    ):
        assert "embeddb grant" in failed(run_cli(*command, dsn=url))


def test_an_owner_may_all_and_is_no_superuser(
    attached: str, made: dict[str, str], run_cli: RunCLI
) -> None:
    role = made["owner"]
    url = as_role(attached, role)
    rows(attached, f'GRANT SELECT, TRIGGER ON articles TO "{role}"')
    done = loaded(run_cli("grant", "owner", role, "--json", dsn=attached))
    assert done["needs"] == []
    assert loaded(run_cli("grant", "owner", role, "--json", dsn=attached))["statements"] in (
        [],
        done["statements"][:0],
    )
    others = (
        "SELECT count(*) FROM pg_class c WHERE c.relnamespace = 'embeddb'::regnamespace "
        "AND pg_get_userbyid(c.relowner) <> %s"
    )
    assert one(attached, others, [role]) == 0
    assert run_cli("migrate", dsn=url).returncode == 0
    assert loaded(run_cli("worker", "--once", "--json", dsn=url))["processed"] == 50
    attach = ("attach", "articles", "--text", "body", "--model", MODEL, "--json")
    loaded(run_cli(*attach, "--name", "second", dsn=url))
    rows(attached, "UPDATE articles SET body = 'new' WHERE id = 1")
    rows(attached, "DELETE FROM articles WHERE id = 2")
    assert run_cli("detach", "second", "--yes", dsn=url).returncode == 0
    assert "REASSIGN OWNED" in failed(run_cli("revoke", "owner", role, dsn=attached))
    member = made["reader"]
    loaded(run_cli("grant", "owner", member, "--json", dsn=attached))
    assert run_cli("index", "build", "articles", dsn=as_role(attached, member)).returncode == 0
    loaded(run_cli("revoke", "owner", member, "--json", dsn=attached))
    assert "permission" in failed(run_cli("status", dsn=as_role(attached, member)))
