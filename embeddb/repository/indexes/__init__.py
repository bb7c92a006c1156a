"""Vector indexes in the database."""
