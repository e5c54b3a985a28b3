"""Recipes: TOML files that say all a run needs, and how they become configs."""
