"""Receive events of the file system."""
