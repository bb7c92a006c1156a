"""For the tests of applications: a model without weights, and the queue worked off at once.

The model is named `testing:hash`. Texts that have words in common are near, and nothing else is:
its vectors have no meaning, need no download, and are the same on every machine.
"""

from __future__ import annotations

from embeddb.testing.queue import drain, wait_until_embedded

__all__ = ["MODEL", "drain", "wait_until_embedded"]

MODEL = "testing:hash"
"""The name of a model for tests; its vectors have 64 dimensions."""
