"""Names given by the user → files, texts and models for the phases."""
