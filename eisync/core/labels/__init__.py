"""Decide what is said of a file: its label, category and metadata, from its path and from the files beside it."""
