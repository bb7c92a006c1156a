"""Where documents come from: the sources of each collection, and which one brought a document."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from psycopg import sql
from sqlalchemy.dialects import postgresql as pg

revision = "0005"
down_revision = "0004"

# Documents that are there have no source: the next ingest that brings one of them becomes it. The
# hash finds the vectors of a text that comes again under another id; callers who bring vectors of
# their own need no such search.
ADD_TO_COLLECTIONS = """
DO $do$
DECLARE
    _name text;
    _encodes boolean;
BEGIN
    FOR _name, _encodes IN
        SELECT c.name, EXISTS (SELECT FROM {generations} g
                                WHERE g.collection_id = c.id AND g.model_id IS NOT NULL)
          FROM {collections} c
         WHERE c.source IS NULL
    LOOP
        EXECUTE pg_catalog.format('ALTER TABLE %I.%I ADD COLUMN source_id integer',
                                  {schema}, _name);
        IF _encodes THEN
            EXECUTE pg_catalog.format('CREATE INDEX ON %I.%I (content_hash)', {schema}, _name);
        END IF;
    END LOOP;
END
$do$
"""

# Who may write documents may say where they come from.
GRANT_TO_WRITERS = """
DO $do$
DECLARE
    _role text;
BEGIN
    FOR _role IN
        SELECT DISTINCT r.rolname
          FROM {collections} c
          JOIN pg_catalog.pg_class t ON t.relname = c.name
                                    AND t.relnamespace = {quoted}::regnamespace
         CROSS JOIN LATERAL pg_catalog.aclexplode(t.relacl) x
          JOIN pg_catalog.pg_roles r ON r.oid = x.grantee
         WHERE c.source IS NULL AND x.privilege_type = 'INSERT' AND x.grantee <> t.relowner
         UNION
        SELECT r.rolname
          FROM pg_catalog.pg_class t
         CROSS JOIN LATERAL pg_catalog.aclexplode(t.relacl) x
          JOIN pg_catalog.pg_roles r ON r.oid = x.grantee
         WHERE t.relname = 'every_collection'
           AND t.relnamespace = {quoted}::regnamespace
           AND x.privilege_type = 'INSERT' AND x.grantee <> t.relowner
    LOOP
        EXECUTE pg_catalog.format('GRANT SELECT, INSERT, UPDATE ON %I.sources TO %I',
                                  {schema}, _role);
    END LOOP;
END
$do$
"""

DROP_FROM_COLLECTIONS = """
DO $do$
DECLARE
    _name text;
    _index text;
BEGIN
    FOR _name IN SELECT c.name FROM {collections} c WHERE c.source IS NULL
    LOOP
        FOR _index IN
            SELECT i.indexrelid::regclass::text
              FROM pg_catalog.pg_index i
              JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid
                                            AND a.attname = 'content_hash'
             WHERE i.indrelid = pg_catalog.format('%I.%I', {schema}, _name)::regclass
               AND i.indkey::text = a.attnum::text
        LOOP
            EXECUTE 'DROP INDEX ' || _index;
        END LOOP;
        EXECUTE pg_catalog.format('ALTER TABLE %I.%I DROP COLUMN source_id', {schema}, _name);
    END LOOP;
END
$do$
"""


def _run(statement: str) -> None:
    schema = op.get_context().version_table_schema or "embeddb"
    quoted = sql.Identifier(schema).as_string(None)
    named = sql.SQL(statement).format(
        schema=sql.Literal(schema),
        collections=sql.Identifier(schema, "collections"),
        generations=sql.Identifier(schema, "generations"),
        quoted=sql.Literal(quoted),
    )
    op.execute(named.as_string(None).replace(":", r"\:"))  # a colon would begin a parameter


def upgrade() -> None:
    schema = op.get_context().version_table_schema
    time = sa.DateTime(timezone=True)
    now = sa.text("pg_catalog.clock_timestamp()")
    prefix = schema + "." if schema else ""
    collection = sa.ForeignKey(prefix + "collections.id", ondelete="CASCADE")
    op.create_table(
        "sources",
        sa.Column("id", sa.Integer, sa.Identity(always=True), primary_key=True),
        sa.Column("collection_id", sa.BigInteger, collection, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        # the folder, file, table or query; NULL: it has a name alone
        sa.Column("uri", sa.Text),
        # what the columns of a text file were read as
        sa.Column("types", pg.JSONB, nullable=False, server_default=sa.text("'{}'")),
        sa.Column("created_at", time, nullable=False, server_default=now),
        sa.Column("ingested_at", time),
        sa.UniqueConstraint("collection_id", "name", name="sources_collection_id_name_key"),
        schema=schema,
    )
    _run(ADD_TO_COLLECTIONS)
    _run(GRANT_TO_WRITERS)


def downgrade() -> None:
    schema = op.get_context().version_table_schema
    _run(DROP_FROM_COLLECTIONS)
    op.drop_table("sources", schema=schema)
