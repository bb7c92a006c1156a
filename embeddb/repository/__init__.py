"""What embeddb asks of Postgres: collections, documents and their chunks, searches, indexes."""
