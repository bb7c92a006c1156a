"""Searches the knowledge base over HTTP: `GET /search?q=…&author=…&limit=…`."""

import json
import os
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import parse_qs
from wsgiref.simple_server import make_server

import sqlalchemy as sa
from models import Article, Author
from sqlalchemy.orm import Session

ENGINE = sa.create_engine(os.environ["KNOWLEDGE_BASE_URL"])


def search(session: Session, query: str, author: str | None, limit: int) -> list[dict[str, Any]]:
    """Find the articles that are nearest to a text, one author's if so wanted."""
    distance = Article.embedding.distance(query).label("distance")
    statement = (
        sa.select(Article, distance)
        .join(Article.author)
        .order_by(Article.embedding.nearest(query))
        .limit(limit)
    )
    if author is not None:
        statement = statement.where(Author.name == author)
    return [
        {
            "id": article.id,
            "title": article.title,
            "author": article.author.name,
            "distance": round(near, 4),
        }
        for article, near in session.execute(statement)
    ]


def application(environ: dict[str, Any], start_response: Callable[..., object]) -> Iterable[bytes]:
    """Answer a request, as WSGI has it."""
    asked = {name: values[0] for name, values in parse_qs(environ["QUERY_STRING"]).items()}
    if environ["PATH_INFO"] != "/search" or not asked.get("q", "").strip():
        start_response("404 Not Found", [("Content-Type", "text/plain; charset=utf-8")])
        return [b"GET /search?q=...&author=...&limit=...\n"]
    with Session(ENGINE) as session:
        found = search(session, asked["q"], asked.get("author"), int(asked.get("limit", 10)))
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps(found, ensure_ascii=False).encode()]


if __name__ == "__main__":
    with make_server("127.0.0.1", int(os.environ.get("PORT", "8000")), application) as server:
        server.serve_forever()
