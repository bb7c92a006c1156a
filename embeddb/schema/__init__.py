"""What exists in Postgres: names, storage kinds, distances, index specs, and the DDL of each."""
