"""What MkDocs calls while it builds the site: see `hooks:` in mkdocs.yml.

A reference page holds its introduction and a marker such as `<!-- generated: cli -->`. The marker
is replaced by what the code says at that moment, so that no copy of it can go stale. Beside each
page the site has its Markdown, which `llms.txt` links to, and `llms-full.txt` has all of them.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import reference_cli
import reference_errors
import reference_metrics
import reference_python
import reference_settings
import reference_sql

MARKER = re.compile(r"^<!-- generated: (\w+) -->$", re.MULTILINE)
REFERENCES: dict[str, Callable[[], str]] = {
    "cli": reference_cli.markdown,
    "errors": reference_errors.markdown,
    "metrics": reference_metrics.markdown,
    "settings": reference_settings.markdown,
    "sql": reference_sql.markdown,
}

_pages: dict[str, str] = {}


def on_config(config: Any) -> Any:  # noqa: ANN401
    """Put the pages of a folder into the navigation where it says `folder/*.md`."""
    config["nav"] = _expanded(config["nav"], Path(config["docs_dir"]))
    return config


def _expanded(nav: Any, docs: Path) -> Any:  # noqa: ANN401
    if isinstance(nav, list):
        return [_expanded(entry, docs) for entry in nav]
    if isinstance(nav, dict):
        return {title: _expanded(entry, docs) for title, entry in nav.items()}
    if nav.endswith("/*.md"):
        # `index.md` is the page of the section itself, and comes first
        pages = sorted(docs.glob(nav), key=lambda page: (page.stem != "index", page.name))
        return [page.relative_to(docs).as_posix() for page in pages]
    return nav


def on_page_markdown(markdown: str, *, page: Any, **_: object) -> str:  # noqa: ANN401
    """Fill in what is generated, and keep the page's Markdown."""
    filled = MARKER.sub(lambda marker: REFERENCES[marker[1]](), markdown)
    _pages[page.file.src_uri] = reference_python.plain(filled)
    return filled


def on_post_build(config: Any, **_: object) -> None:  # noqa: ANN401
    """Write each page's Markdown, and `llms-full.txt` with all that `llms.txt` links to."""
    site = Path(config["site_dir"])
    for name, markdown in _pages.items():
        target = site / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(markdown, "utf-8")
    summary = (site / "llms.txt").read_text("utf-8")
    linked = re.findall(r"\]\(([\w/-]+\.md)\)", summary)
    full = [summary, *(f"<!-- {name} -->\n\n{_pages[name]}" for name in linked if name in _pages)]
    (site / "llms-full.txt").write_text("\n\n".join(full), "utf-8")
