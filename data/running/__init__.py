"""How a phase runs: where it may write, who works there, which share is its own, and when it stops."""
