"""The connection to the database that DATABASE_URL names."""

from __future__ import annotations

import os

import sqlalchemy as sa


def url() -> sa.URL:
    """Give the URL of the database, for psycopg 3."""
    return sa.make_url(os.environ["DATABASE_URL"]).set(drivername="postgresql+psycopg")


def engine() -> sa.Engine:
    """Make an engine, which an application has one of."""
    return sa.create_engine(url())
