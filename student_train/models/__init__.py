"""Networks: how they start, fit into memory, and answer."""
