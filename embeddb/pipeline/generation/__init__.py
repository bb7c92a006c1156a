"""What one generation makes of a vector: its model, its form, its checks."""
