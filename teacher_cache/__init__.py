"""Examples and a teacher → a cache of all that the teacher says of them."""
