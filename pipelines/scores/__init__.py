"""Scores and speed of a run's models, their rivals, and the share of the way to the teacher."""
