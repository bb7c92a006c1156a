"""Measured claims: each module is a command, `python -m benchmarks.NAME`, and never a test."""
