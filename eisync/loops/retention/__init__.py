"""Delete or archive files whose samples the service has for certain."""
