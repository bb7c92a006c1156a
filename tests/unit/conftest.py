"""Unit tests need no server, and run on as many processes as the machine has cores."""

from __future__ import annotations

import os

# Threads of torch in each process would only wait for those of the others.
os.environ.setdefault("OMP_NUM_THREADS", "1")
