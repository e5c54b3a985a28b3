"""Texts as words and as a model's input, and the texts that must not be learned from."""
