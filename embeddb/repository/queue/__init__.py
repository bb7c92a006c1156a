"""Jobs, backfills and workers."""
