"""Sources: one file for each kind of place that documents come from."""

from __future__ import annotations

from embeddb.sources.csv import CSV
from embeddb.sources.files import Files
from embeddb.sources.iterable import Records
from embeddb.sources.jsonl import JSONLines
from embeddb.sources.opening import open_source
from embeddb.sources.parquet import Parquet
from embeddb.sources.python_docs import PythonDocs
from embeddb.sources.sql import Query
from embeddb.sources.urls import URLs

__all__ = [
    "CSV",
    "Files",
    "JSONLines",
    "Parquet",
    "PythonDocs",
    "Query",
    "Records",
    "URLs",
    "open_source",
]
