"""Tests of embeddb's own migrations."""
