"""`embeddb doctor`."""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg import sql

import embeddb
from tests.conftest import RunCLI
from tests.support.cli import loaded


def _by_subject(findings: list[dict[str, Any]], level: str) -> dict[str, dict[str, Any]]:
    return {finding["subject"]: finding for finding in findings if finding["level"] == level}


def test_a_healthy_database_has_no_failure(run_cli: RunCLI, notes: str) -> None:
    findings = loaded(run_cli("doctor", "--models", "--json", dsn=notes))
    assert not _by_subject(findings, "fail")
    assert {"server", "schema", "rights", "pgvector"} <= set(_by_subject(findings, "ok"))
    messages = [f["message"] for f in findings if f["subject"] == "notes"]
    assert any("3 documents" in message for message in messages)
    assert any("matches the collection" in message for message in messages)


def test_an_empty_database_fails_with_a_remedy(run_cli: RunCLI, empty_database: str) -> None:
    findings = loaded(run_cli("doctor", "--json", dsn=empty_database), 1)
    assert "embeddb migrate" in str(_by_subject(findings, "fail"))
    text = run_cli("doctor", dsn=empty_database).stdout
    assert "fail" in text and "embeddb migrate" in text


def test_a_server_that_does_not_answer_fails_with_a_remedy(run_cli: RunCLI) -> None:
    findings = loaded(run_cli("doctor", "--json", dsn="postgresql://127.0.0.1:1/x"), 1)
    assert "embeddb db start" in _by_subject(findings, "fail")["server"]["remedy"]


def test_missing_and_invalid_indexes_are_found(run_cli: RunCLI, notes: str) -> None:
    with psycopg.connect(notes) as connection:
        connection.execute("DROP INDEX embeddb.notes_g1_hnsw")
    missing = _by_subject(loaded(run_cli("doctor", "--json", dsn=notes)), "warn")["notes"]
    assert missing["remedy"] == "embeddb index repair 'notes'"
    with psycopg.connect(notes) as connection:
        connection.execute(
            "UPDATE pg_index SET indisvalid = false "
            "WHERE indexrelid = 'embeddb.notes_metadata'::regclass"
        )
    invalid = _by_subject(loaded(run_cli("doctor", "--json", dsn=notes), 1), "fail")["notes"]
    assert "notes_metadata is invalid" in invalid["message"]
    assert run_cli("index", "repair", "notes", dsn=notes).returncode == 0
    assert not _by_subject(loaded(run_cli("doctor", "--json", dsn=notes)), "warn").get("notes")


def test_a_missing_function_and_a_pending_transform_are_told(
    run_cli: RunCLI, database: str
) -> None:
    with embeddb.connect(database) as store:
        store.create_collection("later", model=None, dim=8, transform="pca:4")
    with psycopg.connect(database) as connection:
        connection.execute("DROP FUNCTION embeddb.later_search")
    findings = loaded(run_cli("doctor", "--json", dsn=database), 1)
    assert "later_search is missing" in _by_subject(findings, "fail")["later"]["message"]
    told = " ".join(finding["message"] for finding in findings if finding["subject"] == "later")
    assert "vector through pca:4 once there are 8 chunks" in told


def test_a_model_that_cannot_be_loaded_fails(run_cli: RunCLI, notes: str) -> None:
    env = {"EMBEDDB_PYTHON_MODELS": ""}
    findings = loaded(run_cli("doctor", "--models", "--json", dsn=notes, env=env), 1)
    assert "EMBEDDB_PYTHON_MODELS" in str(_by_subject(findings, "fail")["notes"])


def test_a_role_without_rights_fails_with_a_remedy(run_cli: RunCLI, database: str) -> None:
    role = sql.Identifier("stranger_of_" + database.rpartition("/")[2].partition("?")[0])
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE ROLE {} LOGIN").format(role))
        try:
            stranger = psycopg.conninfo.make_conninfo(database, user=role.as_string().strip('"'))
            findings = loaded(run_cli("doctor", "--json", dsn=stranger), 1)
        finally:
            connection.execute(sql.SQL("DROP ROLE {}").format(role))
    assert "embeddb grant reader stranger_of_" in _by_subject(findings, "fail")["rights"]["remedy"]
