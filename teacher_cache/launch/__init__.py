"""Who computes which shard, where."""
