"""The embedded server: the PostgreSQL of a wheel, started on demand and left running.

It belongs to no process: whoever needs it starts it, it outlives them all, and it is stopped
by `stop()` (`embeddb db stop`) or by the machine.
"""

from __future__ import annotations

from embeddb.db.embedded.provision import Preparation
from embeddb.db.embedded.server import Server, ServerStatus, start, status, stop
from embeddb.db.embedded.wheel import bin

__all__ = ["Preparation", "Server", "ServerStatus", "bin", "start", "status", "stop"]
