"""A damaged cache → a whole one; the only wing above `build`."""
