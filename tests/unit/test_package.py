"""The package itself: what is in it before anything was imported."""

from __future__ import annotations

import subprocess
import sys


def test_a_fresh_process_lists_the_public_names() -> None:
    program = "import embeddb; print(sorted(set(embeddb.__all__) - set(dir(embeddb))))"
    ran = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert ran.stdout.strip() == "[]"


def test_listing_the_names_imports_none_of_them() -> None:
    program = "import embeddb, sys; dir(embeddb); print('psycopg' in sys.modules)"
    ran = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert ran.stdout.strip() == "False"
