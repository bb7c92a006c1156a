"""What tests of attached collections share: an application's tables, a worker's work at once."""

from __future__ import annotations

import hashlib
from typing import Any

from psycopg import sql

import embeddb
from embeddb.records import Vector
from embeddb.repository.attached.rows import AttachedChunks, SourceRows
from embeddb.repository.collections.documents import ReadyChunk, ReadyDocument
from embeddb.schema.catalog import CollectionRecord
from tests.support.encoders import HashEncoder
from tests.support.postgres import Row, one, rows

ARTICLES = """
CREATE TABLE {} (
    id bigint PRIMARY KEY,
    title text,
    body text,
    views integer NOT NULL DEFAULT 0,
    status text NOT NULL DEFAULT 'live'
)
"""


def articles(url: str, count: int = 0, name: str = "public.articles") -> None:
    """Create a table of articles, each about its own number."""
    rows(url, ARTICLES.format(name))
    rows(
        url,
        f"INSERT INTO {name} (id, title, body, views) "
        "SELECT n, 'title ' || n, 'about word' || n, n %% 10 FROM generate_series(1, %s) n",
        [count],
    )


def attach(
    store: embeddb.Store,
    source: str = "public.articles",
    text: str | list[str] = "title, body",
    **others: object,
) -> embeddb.Collection:
    """Attach to a table with the encoder that needs no model."""
    return store.attach(source, text=text, model=HashEncoder(), **others)  # type: ignore[arg-type]


def query(text: str) -> Vector:
    """Return the vector of a query."""
    vector: Vector = HashEncoder().encode([text], "query")[0]
    return vector


def pending(url: str, name: str = "articles") -> dict[str, int]:
    """Return the jobs of a collection: the version of each by its key."""
    return dict(
        rows(
            url,
            "SELECT j.key, j.version FROM embeddb.jobs j JOIN embeddb.collections c "
            "ON c.id = j.collection_id WHERE c.name = %s ORDER BY j.key",
            [name],
        )
    )


def clear(url: str) -> None:
    """Forget all jobs, as if they were done."""
    rows(url, "DELETE FROM embeddb.jobs")


def drain(
    store: embeddb.Store, collection: embeddb.Collection, separator: str | None = None
) -> None:
    """Do at once what a worker would: every row's chunks, and no job left.

    There is one chunk a row, or one for each part between separators.
    """
    record, database = collection.record, store.database
    source, chunks = SourceRows(database, record), AttachedChunks(database, record)
    with database.transaction() as connection:
        keys: list[str] = list(pending(store.url, collection.name))
        after = None
        while True:
            found, after = source.page(connection, after, 1000)
            keys += found
            if len(found) < 1000:
                break
        read = source.read(connection, keys)
        documents = [
            _ready(row.id, row.content, separator, _part(record, row.id, row.metadata))
            for row in read.values()
            if row.content
        ]
        texts = [chunk.data.decode() for one in documents for chunk in one.chunks if chunk.data]
        chunks.replace(connection, documents, HashEncoder().encode(texts))
        chunks.remove(connection, [key for key in keys if key not in read])
        connection.execute("DELETE FROM embeddb.jobs")
        connection.execute("UPDATE embeddb.backfills SET finished_at = now()")
    table = sql.Identifier("embeddb", record.tables.chunks_name)
    rows(store.url, sql.SQL("ANALYZE {}").format(table))


def stored(url: str, name: str = "articles_g1") -> list[str]:
    """Return the ids of what has chunks."""
    statement = sql.SQL("SELECT id FROM {} ORDER BY id").format(sql.Identifier("embeddb", name))
    return [row[0] for row in rows(url, statement)]


def facts(url: str, table: str) -> list[Row]:
    """Everything that Postgres's catalogs say of a table, and of what hangs on it."""
    found = rows(
        url,
        """
        SELECT 'trigger', t.tgname::text, pg_get_triggerdef(t.oid)
          FROM pg_trigger t WHERE t.tgrelid = %(table)s::regclass AND NOT t.tgisinternal
        UNION ALL
        SELECT 'column', a.attname, concat_ws(' ', format_type(a.atttypid, a.atttypmod),
               a.attnotnull, a.attidentity, pg_get_expr(d.adbin, d.adrelid), a.attstattarget)
          FROM pg_attribute a LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid
                                                    AND d.adnum = a.attnum
         WHERE a.attrelid = %(table)s::regclass AND a.attnum > 0
        UNION ALL
        SELECT 'constraint', c.conname, pg_get_constraintdef(c.oid)
          FROM pg_constraint c WHERE c.conrelid = %(table)s::regclass
        UNION ALL
        SELECT 'index', i.indexrelid::regclass::text, pg_get_indexdef(i.indexrelid)
          FROM pg_index i WHERE i.indrelid = %(table)s::regclass
        UNION ALL
        SELECT 'policy', p.polname, pg_get_expr(p.polqual, p.polrelid)
          FROM pg_policy p WHERE p.polrelid = %(table)s::regclass
        UNION ALL
        SELECT 'rule', r.rulename, pg_get_ruledef(r.oid)
          FROM pg_rewrite r WHERE r.ev_class = %(table)s::regclass
        UNION ALL
        SELECT 'itself', c.relname, concat_ws(' ', c.relacl::text, c.relrowsecurity,
               c.relforcerowsecurity, c.reloptions::text, c.relreplident, c.relhasrules)
          FROM pg_class c WHERE c.oid = %(table)s::regclass
        UNION ALL
        SELECT 'dependent', d.classid::regclass::text, count(*)::text
          FROM pg_depend d WHERE d.refobjid = %(table)s::regclass
         GROUP BY d.classid
        ORDER BY 1, 2, 3
        """,
        {"table": table},
    )
    assert found
    return found


def ours(url: str) -> set[str]:
    """Name every relation, function and type in embeddb's schema."""
    return {
        row[0]
        for row in rows(
            url,
            "SELECT relname::text FROM pg_class WHERE relnamespace = 'embeddb'::regnamespace "
            "UNION ALL SELECT proname FROM pg_proc WHERE pronamespace = 'embeddb'::regnamespace",
        )
    }


def triggers(url: str, table: str) -> list[str]:
    """Name the triggers of a table."""
    return [
        row[0]
        for row in rows(
            url,
            "SELECT tgname FROM pg_trigger WHERE tgrelid = %s::regclass AND NOT tgisinternal "
            "ORDER BY tgname",
            [table],
        )
    ]


def collection_id(url: str, name: str = "articles") -> int:
    """Return a collection's number in the catalog."""
    return int(one(url, "SELECT id FROM embeddb.collections WHERE name = %s", [name]))


def _part(record: CollectionRecord, id: str, metadata: dict[str, Any]) -> str:
    layout = record.generation.layout
    return layout.part(id, metadata) if layout else ""


def _ready(id: str, content: str, separator: str | None, part: str = "") -> ReadyDocument:
    data = content.encode()
    digest = hashlib.sha256(data).digest()
    texts = content.split(separator) if separator else [content]
    chunks = [
        ReadyChunk(text.encode(), (0, len(text)), hashlib.sha256(text.encode()).digest())
        for text in texts
    ]
    return ReadyDocument(
        id=id,
        id_data=id.encode(),
        data=data,
        metadata=b"{}",
        uri=None,
        media_type=None,
        content_hash=digest,
        chunks=chunks,
        part=part,
    )
