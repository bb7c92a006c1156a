"""The web pages, and the search as JSON: WSGI, and nothing but the standard library.

python -m knowledge_base.web --port 8000
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterable
from html import escape
from importlib.resources import files
from string import Template
from urllib.parse import parse_qs, quote
from wsgiref.simple_server import make_server
from wsgiref.types import StartResponse, WSGIEnvironment

import sqlalchemy as sa
from sqlalchemy.orm import Session

from knowledge_base import articles, database

_PAGE = Template(files("knowledge_base").joinpath("templates/page.html").read_text("utf-8"))

Query = dict[str, str]
Answer = tuple[str, str, str]
"""Status, type and text."""


class Application:
    """Answers requests, each in a transaction of its own."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def __call__(self, environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        """Answer a request."""
        path = environ.get("PATH_INFO", "/").encode("latin-1").decode("utf-8", "replace")
        given = parse_qs(environ.get("QUERY_STRING", ""))
        query = {name: values[0] for name, values in given.items()}
        with Session(self._engine) as session:
            status, kind, text = _answer(session, path, query)
        content = text.encode("utf-8")
        headers = [("Content-Type", kind), ("Content-Length", str(len(content)))]
        start(status, headers)
        return [content]


def _answer(session: Session, path: str, query: Query) -> Answer:
    routes: dict[str, Callable[[Session, Query], Answer]] = {
        "/": search_page,
        "/search.json": search_json,
    }
    if path in routes:
        return routes[path](session, query)
    return article_page(session, path.removeprefix("/articles/"))


def search_page(session: Session, query: Query) -> Answer:
    """Show a form, and what was found."""
    text = query.get("q", "").strip()
    found = articles.search(session, text, tag=query.get("tag")) if text else []
    rows = "".join(
        f"<li>{_link(article.slug, article.title)} <small>{escape(article.author.name)}, "
        f"{distance:.2f}</small></li>"
        for article, distance in found
    )
    return _page("Knowledge base", f"<ol>{rows}</ol>", text)


def search_json(session: Session, query: Query) -> Answer:
    """Give what was found as JSON."""
    text = query.get("q", "").strip()
    if not text:
        return "400 Bad Request", "application/json", json.dumps({"error": "q is missing"})
    found = [
        {
            "slug": article.slug,
            "title": article.title,
            "author": article.author.name,
            "distance": round(distance, 4),
        }
        for article, distance in articles.search(session, text, tag=query.get("tag"))
    ]
    return "200 OK", "application/json", json.dumps(found)


def article_page(session: Session, slug: str) -> Answer:
    """Show an article, and those that are most like it."""
    article = articles.by_slug(session, slug)
    if article is None:
        return "404 Not Found", "text/plain; charset=utf-8", "There is no such page."
    others = "".join(
        f"<li>{_link(other.slug, other.title)}</li>" for other in articles.related(session, article)
    )
    body = f"<pre>{escape(article.body)}</pre><h2>Related</h2><ul>{others}</ul>"
    return _page(article.title, body)


def _link(slug: str, title: str) -> str:
    return f'<a href="/articles/{quote(slug)}">{escape(title)}</a>'


def _page(title: str, content: str, text: str = "") -> Answer:
    page = _PAGE.substitute(title=escape(title), content=content, query=escape(text))
    return "200 OK", "text/html; charset=utf-8", page


def main() -> None:
    """Serve until interrupted."""
    parser = argparse.ArgumentParser(description="Serve the knowledge base.")
    parser.add_argument("--port", type=int, default=8000)
    arguments = parser.parse_args()
    with make_server("127.0.0.1", arguments.port, Application(database.engine())) as server:
        print(f"http://127.0.0.1:{server.server_port}", flush=True)
        server.serve_forever()


if __name__ == "__main__":
    main()
