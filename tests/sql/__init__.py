"""Tests of the SQL functions."""
