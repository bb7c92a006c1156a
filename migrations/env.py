"""Runs embeddb's own revisions; `embeddb migrate` calls it, online or offline."""

from alembic import context
from psycopg import sql

from embeddb.db.queries import query, script, scripts
from embeddb.db.session import as_clauses
from embeddb.schema.keys import function_parts

config = context.config
schema: str = config.attributes.get("schema", "embeddb")


SINCE = {
    "filter_part": "0002",
    "search": "0003",
    "status": "0010",
    "every_collection": "0003",
    "await_encoding": "0004",
    "encode": "0004",
    "encode_by_worker": "0004",
    "encode_in_sql": "0004",
    "encode_query": "0004",
    "query_tokens": "0004",
    "query_worker": "0004",
    "search_text": "0004",
}
"""Functions and views that came with a later revision than the first, which goes when they do."""


def _functions(revision: str | None = None, vector: sql.Composable | None = None) -> list[str]:
    """Return the statements that bring `sql/functions/` and `sql/views/` into the schema, as text.

    Those of a later revision than `revision` are left out; None: it is the newest. `vector` is
    pgvector's type; None: it is where the extension was just created, in the search_path.
    """
    parts: dict[str, sql.Composable] = {
        **function_parts(),
        "settings": as_clauses(),
        "schema": sql.Identifier(schema),
        "name": sql.Literal(schema),
        "vector": vector or sql.SQL("vector"),
    }
    return [
        script(folder, name, **parts).as_string(None)
        for folder in ("functions", "views")
        for name in scripts(folder)
        if revision is None or SINCE.get(name, "") <= revision
    ]


def _create_schema() -> str:
    return query("schema.create_schema", schema=sql.Identifier(schema)).as_string(None)


def _offline() -> None:
    context.configure(
        dialect_name="postgresql",
        dialect_opts={"paramstyle": "named"},  # a percent sign in a name is not doubled
        literal_binds=True,
        version_table_schema=schema,
        transactional_ddl=config.attributes.get("transactional", True),
    )
    with context.begin_transaction():
        write = context.get_context().impl.static_output
        write(_create_schema() + ";")
        write(query("schema.create_extension").as_string(None) + ";")
        context.run_migrations()
        for statement in _functions():
            write(statement.strip() + ";")


def _online() -> None:
    connection = config.attributes["connection"]
    # straight through psycopg: the percent signs in names and bodies are no placeholders
    driver = config.attributes.get("driver") or connection.connection.driver_connection
    if driver.execute(query("schema.exists"), {"schema": schema}).fetchone() is None:
        # not with IF NOT EXISTS alone, which asks for the right to create all the same
        driver.execute(_create_schema())
    context.configure(connection=connection, version_table_schema=schema)
    with context.begin_transaction():
        context.run_migrations()
        current = context.get_context().get_current_revision()
        if current is not None:
            row = driver.execute(query("server.vector_schema"), {}).fetchone()
            vector = None if row is None else sql.Identifier(row[0], "vector")
            for statement in _functions(current, vector):
                driver.execute(statement)


if context.is_offline_mode():
    _offline()
else:
    _online()
