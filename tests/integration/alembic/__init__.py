"""Applications of our own that migrate with Alembic."""
