"""Conversion: from one generation of a collection to the next."""
