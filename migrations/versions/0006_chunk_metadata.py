"""Where in its document each chunk stands."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from psycopg import sql
from sqlalchemy.dialects import postgresql as pg

revision = "0006"
down_revision = "0005"

# Each generation has a table of its own, which the catalog names: so that a script made offline
# changes them all, Postgres reads the names while it runs. A column without a default is added
# without a look at the rows. No name that Postgres takes is as long as the tag.
EVERY_TABLE = sql.SQL("""
DO $the_body_of_a_block_between_tags_longer_than_sixty_three_bytes_each$
DECLARE
    _table name;
BEGIN
    FOR _table IN SELECT g.table_name FROM {generations} g LOOP
        EXECUTE pg_catalog.format({change}, _table);
    END LOOP;
END
$the_body_of_a_block_between_tags_longer_than_sixty_three_bytes_each$
""")
ADD = "ALTER TABLE {schema}%I ADD COLUMN IF NOT EXISTS location jsonb"
DROP = "ALTER TABLE {schema}%I DROP COLUMN IF EXISTS location"


def upgrade() -> None:
    _change_every_table(ADD)


def downgrade() -> None:
    generations = sa.table(
        "generations",
        sa.column("chunker", pg.JSONB),
        schema=op.get_context().version_table_schema,
    )
    if not op.get_context().as_sql:
        newer = generations.c.chunker.has_key("version")
        count = op.get_bind().scalar(
            sa.select(sa.func.count()).select_from(generations).where(newer)
        )
        if count:
            from embeddb.errors import MigrationError

            raise MigrationError(
                f"{count} generation(s) are cut in a way that revisions before 0006 do not know: "
                "drop their collections first with `embeddb collection drop`."
            )
    _change_every_table(DROP)


def _change_every_table(change: str) -> None:
    schema = op.get_context().version_table_schema
    prefix = sql.Identifier(schema).as_string(None).replace("%", "%%") + "." if schema else ""
    statement = EVERY_TABLE.format(
        generations=sql.Identifier(*filter(None, [schema]), "generations"),
        change=sql.Literal(change.format(schema=prefix)),
    ).as_string(None)
    op.execute(statement.replace(":", r"\:"))  # a colon would begin a parameter
