"""One idea of one paper a file, and the table of them."""
