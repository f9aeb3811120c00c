"""Build a running process from the settings: the one place where the real parts meet."""
