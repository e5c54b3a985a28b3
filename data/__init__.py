"""The ground: what an example is and what is on disk; no model library is imported here."""
