"""From what happens in the watched folders to rows of the outbox."""
