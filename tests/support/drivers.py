"""Connections of SQLAlchemy's by every driver that operations of a migration work with."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import create_async_engine

DRIVERS = ("psycopg", "psycopg_async", "asyncpg", "psycopg2")


def url_of(database: str, driver: str) -> str:
    """Return a database's URL as SQLAlchemy takes it for a driver."""
    return database.replace("postgresql://", f"postgresql+{driver}://")


def with_connection(database: str, driver: str, use: Callable[[sa.Connection], Any]) -> None:
    """Call `use` with a connection, in a way that the driver's own env.py would."""
    if driver in ("psycopg", "psycopg2"):
        engine = sa.create_engine(url_of(database, driver), poolclass=sa.NullPool)
        with engine.connect() as connection:
            use(connection)
        return

    async def run() -> None:
        engine = create_async_engine(url_of(database, driver), poolclass=sa.NullPool)
        async with engine.connect() as connection:
            await connection.run_sync(use)
        await engine.dispose()

    asyncio.run(run())
