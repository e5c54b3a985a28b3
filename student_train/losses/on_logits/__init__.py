"""Losses on what is said of a text: gold labels and the teacher's logits."""
