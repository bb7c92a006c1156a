"""Every example of the README and of the pages runs, in the order in which a reader meets them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.docs.examples import ROOT, Examples

# these pages go on with the collections that the README makes
PAGES = (
    "README.md",
    "docs/llms.txt",
    "docs/search.md",
    "docs/recall.md",
    "docs/writing.md",
    "docs/collections.md",
    "docs/storage.md",
    "docs/indexes.md",
    "docs/partitions.md",
    "docs/compression.md",
    "docs/attach.md",
    "docs/sqlalchemy.md",
)
# each of these begins in an empty database
ALONE = (
    "docs/tutorial.md",
    "docs/index.md",
    "docs/testing.md",
    "docs/move-in.md",
    "docs/skills/embeddb/SKILL.md",
    "docs/frameworks/django.md",
    "docs/frameworks/rails.md",
    "docs/frameworks/prisma.md",
    "docs/frameworks/sql.md",
)
PRINTED = (
    *("3 0", "tea Green tea wants water of 80 °C.", "['a']", "sql"),
    *("['v7']", "('normalize', 'pca:16')", "16 None", "halfvec 300", "[]"),
    *("5 {'ajax'}", "True", "Tea 0.6", "2", "Oaks"),
)


def test_every_example_runs(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EMBEDDB_DSN", database)
    examples = Examples(database)
    try:
        for page in PAGES:
            examples.run(page)
    finally:
        examples.close()
    assert examples.ran > len(PAGES)
    for line in PRINTED:
        assert line in examples.shown.splitlines()


@pytest.mark.parametrize("page", ALONE)
def test_a_page_prints_what_it_shows(
    page: str, database: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("EMBEDDB_DSN", database)
    monkeypatch.chdir(tmp_path)
    examples = Examples(database, checks_output=True)
    try:
        examples.run(page)
    finally:
        examples.close()
    assert examples.ran > 1


def test_llms_txt_names_every_page() -> None:
    summary = (ROOT / "docs" / "llms.txt").read_text("utf-8")
    pages = (ROOT / "docs").glob("*.md")
    for page in (*pages, *(ROOT / "docs" / "frameworks").glob("*.md")):
        assert f"]({page.relative_to(ROOT / 'docs')})" in summary, page
