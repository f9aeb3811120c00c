"""Compare the index with what the service lists."""
