"""What a loss is, the table of them, and how they become one objective."""
