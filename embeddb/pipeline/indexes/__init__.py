"""Building, converting and repairing indexes."""
