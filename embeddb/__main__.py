"""`python -m embeddb` is `embeddb`."""

from __future__ import annotations

from embeddb.cli import main

if __name__ == "__main__":
    main()
