"""The documentation site builds without a warning, needs nobody else, and leaves nothing out."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import fasteners
import pytest

import embeddb
from embeddb import errors
from tests.docs.examples import ROOT
from tests.support.cli import commands, leaves, options

# a program that cannot reach anybody: every connection is refused before it is made
OFFLINE = """
import runpy, socket, sys
def refuse(*arguments, **options):
    raise OSError("the build of the site asked for the network")
socket.socket.connect = socket.create_connection = socket.getaddrinfo = refuse
sys.argv = ["mkdocs", *sys.argv[1:]]
runpy.run_module("mkdocs", run_name="__main__")
"""


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """The site as `mkdocs build --strict` makes it, which fails at the first warning; made once."""
    own = tmp_path_factory.getbasetemp()
    folder = (own if worker_id == "master" else own.parent) / "site"
    built = folder.with_suffix(".built")
    with fasteners.InterProcessLock(folder.with_suffix(".lock")):
        if not built.exists():
            _build(folder)
            built.touch()
    return folder


def _build(folder: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", OFFLINE, "build", "--strict", "--quiet", "--site-dir", str(folder)],
        cwd=ROOT,
        env=os.environ | {"NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout.strip()) == (0, ""), done.stdout + done.stderr


def _read(site: Path, page: str) -> str:
    return (site / "reference" / page).read_text("utf-8")


class _Loaded(HTMLParser):
    """Collects the addresses that a browser fetches by itself."""

    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if tag in {"img", "script", "iframe", "source"}:
            self.addresses.append(values.get("src") or "")
        if tag == "link" and values.get("rel") in {"stylesheet", "preload", "preconnect", "icon"}:
            self.addresses.append(values.get("href") or "")


def test_no_page_loads_anything_from_another_host(site: Path) -> None:
    for page in site.rglob("*.html"):
        parser = _Loaded()
        parser.feed(page.read_text("utf-8"))
        assert parser.addresses
        outside = [one for one in parser.addresses if re.match(r"(https?:)?//", one)]
        assert not outside, page


def test_every_page_is_in_the_navigation(site: Path) -> None:
    home = (site / "index.html").read_text("utf-8")
    pages = set((ROOT / "docs").rglob("*.md")) - set((ROOT / "docs" / "skills").rglob("*.md"))
    for page in pages:
        parts = page.relative_to(ROOT / "docs").with_suffix("").parts
        place = "/".join(part for part in parts if part not in {"index", "README"})
        assert f'href="{place}/"' in home or not place, page


def test_every_command_and_option_is_in_the_reference(site: Path) -> None:
    titles_and_texts = re.split(r"^##+ embeddb (.+)\n", _read(site, "cli.md"), flags=re.MULTILINE)
    sections = dict(zip(titles_and_texts[1::2], titles_and_texts[2::2], strict=True))
    assert set(sections) == {" ".join(path) for path in commands() if path}
    for path, command in leaves().items():
        assert {name for name in options(command) if name not in sections[" ".join(path)]} == set()


def test_every_error_is_in_the_reference(site: Path) -> None:
    reference = _read(site, "errors.md")
    for name, value in vars(errors).items():
        if isinstance(value, type) and issubclass(value, (Exception, Warning)):
            assert f"`{name}`" in reference


def test_every_public_name_is_in_the_reference(site: Path) -> None:
    pages = [page.read_text("utf-8") for page in (site / "reference" / "python").rglob("*.html")]
    for name in set(embeddb.__all__) - {"__version__", "EmbedDBError", "EmbedDBWarning"}:
        anchor = f'id="{getattr(embeddb, name).__module__}.{name}"'
        assert any(anchor in page for page in pages), name


def test_every_function_is_in_the_reference(site: Path) -> None:
    reference = _read(site, "sql.md")
    for path in (ROOT / "sql" / "functions").glob("*.sql"):
        created = re.search(r"\{schema\}\.(\w+)\(", path.read_text("utf-8"))
        assert created
        assert created[1] in reference, path


def test_every_setting_is_in_the_reference(site: Path) -> None:
    reference = _read(site, "settings.md")
    for variable in re.findall(r'"((?:EMBEDDB|OPENAI|HF)_\w+)"', _source("embeddb/config.py")):
        assert f"`{variable}`" in reference


def test_every_metric_is_in_the_reference(site: Path) -> None:
    reference = _read(site, "metrics.md")
    for metric in re.findall(r'"(embeddb_worker_\w+)"', _source("embeddb/worker/metrics.py")):
        assert metric in reference


def test_programs_find_the_pages_as_text(site: Path) -> None:
    summary = (site / "llms.txt").read_text("utf-8")
    linked = re.findall(r"\]\(([^)#]+)\)", summary)
    assert len(linked) > 20
    for address in linked:
        assert (site / address).read_text("utf-8").startswith("#"), address
    full = (site / "llms-full.txt").read_text("utf-8")
    assert "embeddb collection create" in full
    assert "Raises" in full


def _source(path: str) -> str:
    return (ROOT / path).read_text("utf-8")
