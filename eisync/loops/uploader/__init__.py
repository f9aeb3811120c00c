"""Send the files of the outbox to the service."""
