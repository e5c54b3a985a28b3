"""What is measured: ours, and the other ways to do the same work."""
