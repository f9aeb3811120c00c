"""Decide the label, category and metadata of a file, from its path and from the sidecars beside it."""
