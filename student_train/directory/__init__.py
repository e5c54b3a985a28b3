"""The directory of a model: one writer at a time, sealed when finished, found again by the next run."""
