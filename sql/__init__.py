"""Named runtime queries, functions and templates, as SQL files."""
