"""Recipes: TOML files with all settings of a run, and how they become configs."""
