"""The queue: jobs, backfills, and the workers that are at it."""
