"""A knowledge base: articles, and who wrote them."""

import sqlalchemy as sa
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

import embeddb
from embeddb.sqlalchemy import Embedding


class Base(DeclarativeBase):
    """The models that Alembic compares with the database."""


class Author(Base):
    """Somebody who writes articles."""

    __tablename__ = "authors"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(sa.String(100))


class Article(Base):
    """An article, found by what it means."""

    __tablename__ = "articles"

    id: Mapped[int] = mapped_column(sa.BigInteger, primary_key=True)
    title: Mapped[str] = mapped_column(sa.String(200))
    summary: Mapped[str | None] = mapped_column(sa.Text)
    body: Mapped[str] = mapped_column(sa.Text)
    published: Mapped[bool] = mapped_column(server_default=sa.true())
    author_id: Mapped[int] = mapped_column(sa.ForeignKey("authors.id"))
    author: Mapped[Author] = relationship(lazy="joined", innerjoin=True)

    embedding = Embedding(
        "title",
        "body",
        model="all-MiniLM-L6-v2",
        where="published",
        storage="halfvec",
        index=embeddb.HNSW(),
    )
