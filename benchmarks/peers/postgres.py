"""What the peers in Postgres share: their URLs, the size of their table, whether its index ran."""

from __future__ import annotations

import shlex
import time
from typing import ClassVar
from urllib.parse import quote

import psycopg
from measure import Peer


class PostgresPeer(Peer):
    """A library that keeps its rows in one table, which is dropped first if it is there."""

    table: ClassVar[str]

    def __init__(self, url: str, dim: int, limit: int) -> None:
        super().__init__(url, dim, limit)
        self.url = plain(url)
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute("CREATE EXTENSION IF NOT EXISTS vector")
            connection.execute(f"DROP TABLE IF EXISTS {self.table}")

    def with_driver(self, driver: str) -> str:
        return self.url.replace("postgresql://", f"postgresql+{driver}://", 1)

    def settle(self) -> None:
        """Take the statistics that autovacuum would take a minute later."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(f"ANALYZE {self.table}")

    def size(self) -> int:
        return self._number(f"SELECT pg_total_relation_size('{self.table}')")

    def close(self) -> list[str]:
        """Warn if the planner left the HNSW index alone."""
        time.sleep(1.5)  # the counts of open connections arrive with a delay
        scans = self._number(
            "SELECT coalesce(sum(s.idx_scan), 0)::bigint FROM pg_stat_user_indexes s"
            "  JOIN pg_class c ON c.oid = s.indexrelid JOIN pg_am a ON a.oid = c.relam"
            f" WHERE a.amname = 'hnsw' AND s.relid = '{self.table}'::regclass"
        )
        return [] if scans else ["the planner did not use the HNSW index"]

    def _number(self, statement: str) -> int:
        with psycopg.connect(self.url, autocommit=True) as connection:
            row = connection.execute(statement.encode()).fetchone()
        assert row is not None
        return int(row[0])


def plain(url: str) -> str:
    """Make a URL without a driver of a libpq URL, a SQLAlchemy URL, or `key=value` pairs."""
    scheme, found, rest = url.partition("://")
    if found:
        return "postgresql://" + rest
    parts = dict(pair.split("=", 1) for pair in shlex.split(scheme))
    user, password = (quote(parts.get(key, ""), safe="") for key in ("user", "password"))
    login = f"{user}:{password}" if password else user
    place = f"?host={parts['host']}" if "host" in parts else ""
    port = f"&port={parts['port']}" if "port" in parts else ""
    return f"postgresql://{login}@/{parts['dbname']}{place}{port}"
