"""From rows of the outbox to samples of the service."""
