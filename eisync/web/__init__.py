"""Serve pages and numbers to browsers and monitoring programs, on the operations of `control`."""
