"""Benchmarks of accuracy: students trained from one cache, and what their results look like."""
