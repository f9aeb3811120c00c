"""Decide from the bytes of a file whether its recording is complete: one module a format."""
