"""Pages of the web and empty paths on the command line."""

from __future__ import annotations

from tests.support.cli import run


def test_a_page_is_read_only_where_its_host_is_allowed(url: str) -> None:
    page = "http://127.0.0.1:9/page.html"
    refused = run("ingest", "notes", page, dsn=url)
    assert refused.returncode == 1 and "--allow-host" in refused.stderr
    private = run("ingest", "notes", page, "--allow-host", "127.0.0.1:9", "--json", dsn=url)
    assert private.returncode == 1
    assert "private network" in private.stdout
    meaningless = run("ingest", "notes", page, "--allow-host", "a", "--glob", "*", dsn=url)
    assert meaningless.returncode == 1 and "--glob means nothing" in meaningless.stderr


def test_an_empty_path_is_not_the_current_folder(url: str) -> None:
    refused = run("ingest", "notes", "", dsn=url)
    assert refused.returncode == 1 and "A path is empty" in refused.stderr
