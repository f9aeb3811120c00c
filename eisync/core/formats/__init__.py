"""Decide from the bytes of a file whether its recording is complete. Each format has a module of its own."""
