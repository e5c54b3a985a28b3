"""Texts → ids and word vectors; knows no cache."""
