"""Create articles, authors and tags: the application as it was before it had embeddings."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "first"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables."""
    for name in ("authors", "tags"):
        op.create_table(
            name,
            sa.Column("id", sa.BigInteger(), sa.Identity(), primary_key=True),
            sa.Column("name", sa.Text(), nullable=False, unique=True),
        )
    op.create_table(
        "articles",
        sa.Column("id", sa.BigInteger(), sa.Identity(), primary_key=True),
        sa.Column("slug", sa.Text(), nullable=False, unique=True),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), server_default="published", nullable=False),
        sa.Column("author_id", sa.BigInteger(), sa.ForeignKey("authors.id"), nullable=False),
        sa.Column(
            "updated_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
    )
    op.create_index("ix_articles_author_id", "articles", ["author_id"])
    op.create_table(
        "article_tags",
        sa.Column(
            "article_id",
            sa.BigInteger(),
            sa.ForeignKey("articles.id", ondelete="CASCADE"),
            primary_key=True,
        ),
        sa.Column(
            "tag_id",
            sa.BigInteger(),
            sa.ForeignKey("tags.id", ondelete="CASCADE"),
            primary_key=True,
        ),
    )


def downgrade() -> None:
    """Drop them."""
    for name in ("article_tags", "articles", "tags", "authors"):
        op.drop_table(name)
