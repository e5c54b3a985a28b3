"""Sealed caches → a student; labelled texts → a teacher."""
