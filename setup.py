"""The list of packages; everything else stands in pyproject.toml.

`sql/` and `migrations/` lie beside `embeddb/` and are installed as `embeddb.sql` and
`embeddb.migrations`. pyproject.toml can find packages, or name each of them, but not both.
"""

from setuptools import find_packages, setup

setup(
    packages=[
        *find_packages(include=["embeddb", "embeddb.*"]),
        "embeddb.sql",
        "embeddb.migrations",
        "embeddb.migrations.versions",
    ]
)
