"""Documents in: validate, prepare, encode, write."""
