"""The project's own English tagger: its model, and the script that trained it."""
