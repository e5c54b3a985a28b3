"""How arms are measured, and on what: processes that take turns, the gate before any timing, the results."""
