"""The command line: thin commands, one file a group."""

from __future__ import annotations


def main() -> None:
    """Run `embeddb …`."""
    from embeddb.cli.app import app
    from embeddb.cli.common import streams

    streams.prepare()
    try:
        app()
    finally:
        streams.finish()
