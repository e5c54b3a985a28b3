"""The hall: commands, recipes and the report; the only room that prints."""
