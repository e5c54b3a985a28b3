"""A run directory → one page to read."""
