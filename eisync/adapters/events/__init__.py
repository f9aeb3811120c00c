"""Events of the file system."""
