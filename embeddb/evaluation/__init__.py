"""How good the answers are: recall against exact search, tuning, and compression."""
