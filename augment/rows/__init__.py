"""Originals → their synthetic rows, pure: words, keys and rules in, texts out."""
