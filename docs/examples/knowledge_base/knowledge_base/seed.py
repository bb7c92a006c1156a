"""Fills the knowledge base with the topics of Python's own `help()`.

python -m knowledge_base.seed            # all of them
python -m knowledge_base.seed --limit 40 # the shortest
"""

from __future__ import annotations

import argparse
from pydoc import Helper
from pydoc_data.topics import topics

from sqlalchemy.orm import Session

from knowledge_base import articles, database
from knowledge_base.models import Article

_LIBRARY = {"debugger", "formatstrings", "specialattrs", "string-methods", "truth"}


def fill(session: Session, limit: int | None = None) -> int:
    """Add an article for each topic, as many as given, the shortest first; give their number."""
    chosen = sorted(topics, key=lambda name: (len(topics[name]), name))[:limit]
    for slug in chosen:
        title, _, body = topics[slug].partition("\n")
        article = Article(slug=slug, title=title.replace('"', ""), body=body.strip("*\n"))
        with session.no_autoflush:
            article.author = articles.author(session, _author(slug))
            article.tags = [articles.tag(session, name) for name in sorted(_tags(slug))]
        session.add(article)
        session.flush()
    return len(chosen)


def _author(slug: str) -> str:
    """Name the handbook that a topic is from."""
    standard = slug in _LIBRARY or slug.startswith(("bltin-", "types"))
    return "The standard library" if standard and slug != "types" else "The language reference"


def _tags(slug: str) -> set[str]:
    """Give the subjects under which `help()` shows a topic, and those that it refers to."""
    known = {name: entry for name, entry in Helper.topics.items() if isinstance(entry, tuple)}
    subjects = {name: related for name, (label, related) in known.items() if label == slug}
    return {word.lower() for name, related in subjects.items() for word in (name, *related.split())}


def main() -> None:
    """Fill the database that DATABASE_URL names."""
    parser = argparse.ArgumentParser(description="Fill the knowledge base.")
    parser.add_argument("--limit", type=int, help="how many articles; all of them otherwise")
    arguments = parser.parse_args()
    with Session(database.engine()) as session, session.begin():
        count = fill(session, arguments.limit)
    print(f"{count} articles")


if __name__ == "__main__":
    main()
