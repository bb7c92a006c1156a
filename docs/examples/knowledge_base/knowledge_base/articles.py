"""What the application does with articles."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy.orm import Session, joinedload

from knowledge_base.models import Article, Author, Tag


def search(
    session: Session, text: str, *, tag: str | None = None, limit: int = 10
) -> Sequence[sa.Row[tuple[Article, float]]]:
    """Give the articles whose meaning is nearest to a text, the nearest first, with distances."""
    near = Article.embedding.nearest(text)
    statement = (
        sa.select(Article, near.label("distance"))
        .options(joinedload(Article.author))
        .order_by(near)
        .limit(limit)
    )
    if tag is not None:
        statement = statement.where(Article.tags.any(Tag.name == tag))
    return session.execute(statement).all()


def related(session: Session, article: Article, *, limit: int = 5) -> Sequence[Article]:
    """Give the articles that are most like one, by the SQL function of the collection."""
    similar = sa.func.embeddb.articles_similar(article.id, limit).table_valued("id", "distance")
    statement = (
        sa.select(Article)
        .join(similar, similar.c.id == Article.id)
        .group_by(Article.id)
        .order_by(sa.func.min(similar.c.distance))
    )
    return session.scalars(statement).all()


def by_slug(session: Session, slug: str) -> Article | None:
    """Give a published article."""
    statement = sa.select(Article).where(Article.slug == slug, Article.status == "published")
    return session.scalar(statement)


def author(session: Session, name: str) -> Author:
    """Give the author of a name, a new one if need be."""
    found = session.scalar(sa.select(Author).where(Author.name == name))
    return found or Author(name=name)


def tag(session: Session, name: str) -> Tag:
    """Give the tag of a name, a new one if need be."""
    found = session.scalar(sa.select(Tag).where(Tag.name == name))
    return found or Tag(name=name)
