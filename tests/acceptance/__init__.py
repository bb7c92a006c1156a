"""Tests of the command line tool and the public API, from outside."""
