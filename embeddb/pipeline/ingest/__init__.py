"""Ingest: documents are validated, prepared, encoded and written."""
