"""Losses that compare layers: states of sub-words, attention, and what relates them."""
