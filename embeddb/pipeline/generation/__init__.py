"""What one generation makes of a vector."""
