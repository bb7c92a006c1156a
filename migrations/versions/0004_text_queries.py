"""Text queries in SQL: encoders made of tables, requests to workers, and what these answered."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from psycopg import sql
from sqlalchemy.dialects import postgresql as pg

revision = "0004"
down_revision = "0003"

# Without it queries are not handed to workers, which embeddb.encode() then says: no reason to stop.
CREATE_DBLINK = """
DO $do$
BEGIN
    CREATE EXTENSION IF NOT EXISTS dblink;
EXCEPTION
    WHEN insufficient_privilege OR undefined_file OR feature_not_supported
        OR undefined_object OR invalid_schema_name THEN
        NULL;
END
$do$
"""

# A reader may read every table, but not the texts that others ask for. Who may write an answer,
# which is a worker, sees them; so does the owner, who sends them on.
PROTECT = (
    sql.SQL("ALTER TABLE {requests} ENABLE ROW LEVEL SECURITY"),
    sql.SQL(
        "CREATE POLICY encode_requests_workers ON {requests} USING "
        "(pg_catalog.has_table_privilege({name}, 'UPDATE'))"
    ),
)

FUNCTIONS = (
    ("FUNCTION", "search", "text, text, integer, jsonb, double precision, text"),
    ("FUNCTION", "encode", "text, text, text"),
    ("FUNCTION", "encode_query", "text, text, text"),
    ("FUNCTION", "encode_by_worker", "bigint, text, integer"),
    ("PROCEDURE", "await_encoding", "bigint, text, integer, real[], text"),
    ("FUNCTION", "query_worker", "bigint"),
    ("FUNCTION", "encode_in_sql", "bigint, text"),
    ("FUNCTION", "query_tokens", "bigint, text"),
)


class _Halfvec(sa.types.UserDefinedType[object]):
    """pgvector's float16 vectors, of any number of dimensions."""

    def __init__(self, schema: str | None) -> None:
        self.schema = schema

    def get_col_spec(self, **_: object) -> str:
        return sql.Identifier(*filter(None, [self.schema]), "halfvec").as_string(None)


def _schema_of_pgvector() -> str | None:
    """Ask where pgvector is; a script for later finds it by the search path that it runs under."""
    if op.get_context().as_sql:
        return None
    extension = sa.table("pg_extension", sa.column("extname"), sa.column("extnamespace"))
    namespace = sa.table("pg_namespace", sa.column("oid"), sa.column("nspname"))
    found: str = (
        op.get_bind()
        .execute(
            sa.select(namespace.c.nspname)
            .join(extension, extension.c.extnamespace == namespace.c.oid)
            .where(extension.c.extname == "vector")
        )
        .scalar_one()
    )
    return found


def _run(statement: str) -> None:
    op.execute(statement.replace(":", r"\:"))  # a colon would begin a parameter


def upgrade() -> None:
    schema = op.get_context().version_table_schema
    time = sa.DateTime(timezone=True)
    now = sa.text("pg_catalog.clock_timestamp()")
    prefix = schema + "." if schema else ""
    collection = sa.ForeignKey(prefix + "collections.id", ondelete="CASCADE")
    encoder = sa.ForeignKey(prefix + "sql_encoders.id", ondelete="CASCADE")
    op.create_table(
        "sql_encoders",
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
        sa.Column("collection_id", sa.BigInteger, collection, nullable=False),
        # of the model and of the generation that it was trained for
        sa.Column("fingerprint", sa.Text, nullable=False),
        sa.Column("generation", sa.Integer, nullable=False),
        sa.Column("dim", sa.Integer, nullable=False),
        # the length of a vector, and tokens read of a text; NULL: all
        sa.Column("length", sa.REAL, nullable=False),
        sa.Column("max_tokens", sa.Integer),
        # what the model's tokenizer does to characters
        sa.Column("rules", pg.JSONB, nullable=False),
        sa.Column("report", pg.JSONB, nullable=False),
        sa.Column("created_at", time, nullable=False, server_default=now),
        sa.UniqueConstraint("collection_id", name="sql_encoders_collection_key"),
        schema=schema,
    )
    op.create_table(
        "sql_encoder_tokens",
        sa.Column("encoder_id", sa.BigInteger, encoder),
        sa.Column("token", sa.Text(collation="C")),
        # of the model's own vocabulary, not a whole word or a pair that the encoder adds
        sa.Column("is_piece", sa.Boolean, nullable=False),
        sa.Column("weights", _Halfvec(_schema_of_pgvector()), nullable=False),
        sa.PrimaryKeyConstraint("encoder_id", "token", name="sql_encoder_tokens_pkey"),
        schema=schema,
    )
    op.create_table(
        "encode_requests",
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
        sa.Column("collection_id", sa.BigInteger, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("created_at", time, nullable=False, server_default=now),
        sa.Column("answered_at", time),
        sa.Column("embedding", pg.ARRAY(sa.REAL)),
        sa.Column("problem", sa.Text),
        schema=schema,
        prefixes=["UNLOGGED"],
    )
    op.create_table(
        "encoded_queries",
        sa.Column("fingerprint", sa.Text),
        sa.Column("text_hash", sa.LargeBinary),
        sa.Column("embedding", pg.ARRAY(sa.REAL), nullable=False),
        sa.Column("created_at", time, nullable=False, server_default=now),
        sa.PrimaryKeyConstraint("fingerprint", "text_hash", name="encoded_queries_pkey"),
        sa.Index("encoded_queries_created_idx", "created_at"),
        schema=schema,
        prefixes=["UNLOGGED"],
    )
    requests = sql.Identifier(*filter(None, [schema]), "encode_requests")
    for statement in PROTECT:
        name = sql.Literal(requests.as_string(None))
        _run(statement.format(requests=requests, name=name).as_string(None))
    _run(CREATE_DBLINK)


def downgrade() -> None:
    schema = op.get_context().version_table_schema
    for kind, name, arguments in FUNCTIONS:
        function = sql.Identifier(*filter(None, [schema]), name)
        drop = sql.SQL("DROP {} IF EXISTS {}({})").format(
            sql.SQL(kind), function, sql.SQL(arguments)
        )
        _run(drop.as_string(None))
    for table in ("encoded_queries", "encode_requests", "sql_encoder_tokens", "sql_encoders"):
        op.drop_table(table, schema=schema)
