"""Scores and speed of models."""
