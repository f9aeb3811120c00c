"""Examine, read and move files on this machine."""
