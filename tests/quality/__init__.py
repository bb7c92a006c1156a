"""Tests of recall and plans."""
