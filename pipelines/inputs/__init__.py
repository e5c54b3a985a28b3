"""What a person names → files, texts and models for the phases."""
