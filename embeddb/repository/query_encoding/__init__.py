"""Encoding a text inside SQL: the encoder in the database, and dblink to a worker."""
