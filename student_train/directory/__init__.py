"""The directory of a model: one writer, one seal, found again by the next run."""
