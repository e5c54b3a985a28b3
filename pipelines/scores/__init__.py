"""What was measured of a run's models, what they must beat, and how far they came."""
