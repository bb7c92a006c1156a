"""An application for each test that asks for one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.alembic_application import Application


@pytest.fixture
def application(database: str, tmp_path: Path) -> Iterator[Application]:
    """An application without models, on a database that has pgvector and embeddb's schema."""
    application = Application(tmp_path / "migrations", database)
    yield application
    application.engine.dispose()
