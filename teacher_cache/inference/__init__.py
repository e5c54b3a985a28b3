"""Texts → numbers in memory; knows no disk, no job and no launcher."""
