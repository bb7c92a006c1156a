"""Rows of the catalog to records."""
