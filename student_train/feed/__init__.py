"""Sealed caches → batches."""
