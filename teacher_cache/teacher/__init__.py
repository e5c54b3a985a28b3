"""A model directory → a checked model; knows no shard."""
