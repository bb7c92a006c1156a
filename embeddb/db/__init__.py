"""How embeddb speaks to Postgres: connections, named queries, binary COPY, progress."""
