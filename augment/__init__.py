"""Labelled and unlabelled texts → a sealed directory of originals and their synthetic rows."""
